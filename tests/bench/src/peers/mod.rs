//! The others: crates that hold the volume's image in memory of this process, and the system's tmpfs.

mod fatfs;
mod hadris;
mod sdmmc;
mod tmpfs;

pub use self::fatfs::Fatfs;
pub use self::hadris::Hadris;
pub use self::sdmmc::Sdmmc;
pub use self::tmpfs::Tmpfs;

use std::path::Path;

use crate::Volume;

/// An image file in memory, every page of it touched up to `touched_bytes`; what lies after is zero there.
fn image(path: &Path, touched_bytes: u64) -> Vec<u8> {
    use std::io::Read;
    let file = std::fs::File::open(path).expect("an image");
    let len_bytes = file.metadata().expect("an image").len();
    let mut bytes = Vec::with_capacity(0);
    if touched_bytes >= len_bytes {
        std::io::BufReader::with_capacity(1 << 20, file).read_to_end(&mut bytes).expect("an image");
        return bytes;
    }
    bytes = vec![0; len_bytes as usize];
    let mut file = file;
    file.read_exact(&mut bytes[..touched_bytes as usize]).expect("an image");
    bytes
}

/// All FAT crates, each with an image of its own.
pub fn fat(path: &Path) -> Vec<Box<dyn Volume>> {
    vec![
        Box::new(Fatfs::open(path)),
        Box::new(Hadris::open(path, false)),
        Box::new(Hadris::open(path, true)),
        Box::new(Sdmmc::open(path)),
    ]
}
