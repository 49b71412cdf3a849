//! The transfers and names of the table by criterion, for one who works on them: `cargo bench -- 'vfat'`.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nxvfs_bench::images::Images;
use nxvfs_bench::measure::cpu;
use nxvfs_bench::memory::{Buffer, Region, offsets};
use nxvfs_bench::ours::{Medium, Ours};
use nxvfs_bench::{Direction, Scale, Volume, work};

/// A full scale for measuring; with `--test` or `NXVFS_BENCH_QUICK` a small one.
fn scale() -> Scale {
    let quick =
        std::env::args().any(|arg| arg == "--test") || std::env::var_os("NXVFS_BENCH_QUICK").is_some();
    if quick { Scale::QUICK } else { Scale::FULL }
}

/// The volumes with a large file, and its path.
fn volumes(images: &Images) -> [(Ours, &'static str); 2] {
    [
        (Ours::mounted("vfat", "vfat", Medium::Ramdisk(&images.data)), "FILES/SEQ.BIN"),
        (Ours::mounted("romfs", "romfs", Medium::Romdisk(&images.romfs)), "SEQ.BIN"),
    ]
}

fn sequential(c: &mut Criterion) {
    let scale = scale();
    let images = Images::new(&scale);
    let mut group = c.benchmark_group("sequential read");
    group.sample_size(10).throughput(Throughput::Bytes(scale.file_bytes));
    let mut region = Region::new(scale.file_bytes, 0);
    let mut volumes = volumes(&images);
    for shape in work::Shape::ALL {
        let mut buf = Buffer::new(shape.call_bytes);
        group.bench_function(BenchmarkId::new("memcpy", shape.name), |b| {
            b.iter_custom(|iters| {
                (0..iters).map(|_| cpu(|| region.sequential(buf.get_mut(), Direction::Read))).sum()
            });
        });
        for (ours, path) in &mut volumes {
            group.bench_function(BenchmarkId::new(ours.label().to_owned(), shape.name), |b| {
                b.iter_custom(|iters| (0..iters).map(|_| work::read_file(ours, path, buf.get_mut())).sum());
            });
        }
    }
    group.finish();
    let mut group = c.benchmark_group("sequential write");
    group.sample_size(10).throughput(Throughput::Bytes(scale.file_bytes));
    let ours = &mut volumes[0].0;
    for shape in work::Shape::ALL {
        let buf = Buffer::new(shape.call_bytes);
        group.bench_function(BenchmarkId::new("vfat", shape.name), |b| {
            b.iter_custom(|iters| {
                let mut sum = Duration::ZERO;
                for _ in 0..iters {
                    sum += work::write_file(ours, "DIR/NEW.BIN", buf.get(), scale.file_bytes);
                    ours.unlink(&[Ours::at("DIR/NEW.BIN")]);
                }
                sum
            });
        });
    }
    group.finish();
}

fn random(c: &mut Criterion) {
    let scale = scale();
    let images = Images::new(&scale);
    let mut group = c.benchmark_group("random 4 KiB");
    group.sample_size(10).throughput(Throughput::Elements(scale.transfers as u64));
    let (mut region, mut buf) = (Region::new(scale.file_bytes, 0), Buffer::new(4096));
    let offsets = offsets(1, scale.transfers, scale.file_bytes, 4096);
    let mut volumes = volumes(&images);
    group.bench_function("memcpy", |b| {
        b.iter_custom(|iters| {
            (0..iters).map(|_| cpu(|| region.random(&offsets, buf.get_mut(), Direction::Read))).sum()
        });
    });
    let cases =
        [(0, "FILES/SEQ.BIN", "vfat"), (0, "FILES/FRAG.BIN", "vfat, fragmented"), (1, "SEQ.BIN", "romfs")];
    for (volume, path, name) in cases {
        let ours = &mut volumes[volume].0;
        group.bench_function(name, |b| {
            b.iter_custom(|iters| {
                (0..iters)
                    .map(|_| work::transfer_all(ours, path, &offsets, buf.get_mut(), Direction::Read))
                    .sum()
            });
        });
    }
    group.finish();
}

fn names(c: &mut Criterion) {
    let scale = scale();
    let images = Images::new(&scale);
    let mut ours = Ours::mounted("vfat", "vfat", Medium::Ramdisk(&images.data));
    let paths: Vec<String> =
        (0..scale.files).map(|number| Ours::at(&format!("DIR/F{number:06}.TXT"))).collect();
    let mut group = c.benchmark_group("names of vfat");
    group.sample_size(10).throughput(Throughput::Elements(scale.files as u64));
    for (at, name) in ["create + write 1 KiB + close", "stat", "unlink"].into_iter().enumerate() {
        group.bench_function(name, |b| {
            b.iter_custom(|iters| {
                let mut sum = Duration::ZERO;
                for _ in 0..iters {
                    let times = [
                        cpu(|| ours.create(&paths, &[0x5a; 1024])),
                        cpu(|| ours.stat(&paths)),
                        cpu(|| ours.unlink(&paths)),
                    ];
                    sum += times[at];
                }
                sum
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sequential, random, names);
criterion_main!(benches);
