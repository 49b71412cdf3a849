//! What can be counted of this process: descriptors, mappings, memory.

use std::ops::Range;

/// One line of `/proc/self/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vma {
    /// Its addresses.
    pub range: Range<usize>,
    /// Its permissions, as `r-xp`.
    pub permissions: String,
    /// Where in the object it begins, in bytes.
    pub offset: u64,
    /// Device and inode of the object; an inode of 0 for none.
    pub object: (String, u64),
    /// The object's name, or empty.
    pub name: String,
}

fn parse(line: &str) -> Option<Vma> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let permissions = fields.next()?.to_owned();
    let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
    let device = fields.next()?.to_owned();
    let inode = fields.next()?.parse().ok()?;
    let name = fields.next().unwrap_or_default().trim().to_owned();
    Some(Vma { range, permissions, offset, object: (device, inode), name })
}

/// All mappings of this process.
pub fn mappings() -> Vec<Vma> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc/self/maps");
    maps.lines().map(|line| parse(line).unwrap_or_else(|| panic!("no mapping: {line}"))).collect()
}

/// The mapping that holds an address.
pub fn mapping_of(address: usize) -> Option<Vma> {
    mappings().into_iter().find(|vma| vma.range.contains(&address))
}

/// How many descriptors of the operating system are open.
pub fn descriptor_count() -> usize {
    // The listing's own descriptor is among them, each time.
    std::fs::read_dir("/proc/self/fd").expect("/proc/self/fd").count()
}

/// Resident memory in bytes.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1024
}

/// Bytes of a page, as the kernel told this process when it began.
pub fn page_bytes() -> usize {
    const AT_PAGESZ: usize = 6;
    let auxv = std::fs::read("/proc/self/auxv").expect("/proc/self/auxv");
    let words: Vec<usize> = auxv
        .chunks_exact(size_of::<usize>())
        .map(|word| usize::from_ne_bytes(word.try_into().expect("a whole word")))
        .collect();
    words.chunks_exact(2).find(|pair| pair[0] == AT_PAGESZ).expect("the page's size")[1]
}
