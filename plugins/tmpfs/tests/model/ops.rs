//! What may happen.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use nxvfs_sdk::abi::filesystem::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::PAGE;
use crate::model::state::PAGES;

type Name = &'static [u8];
const NAMES: [Name; 4] = [b"a", b"b", b"c", b"d"];

#[derive(Clone, Debug)]
pub enum Op {
    Lookup(Index, Name),
    Forget(Index, u64),
    Create(Index, Name),
    Mkdir(Index, Name),
    Fifo(Index, Name),
    Symlink(Index, Name, usize),
    Link(Index, Index, Name),
    Take(Index, Name, bool),
    Rename(Index, Name, Index, Name, u32),
    Open(Index),
    Close(Index),
    Write { file: Index, offset: usize, len: usize, append: bool },
    Truncate { node: Index, len: usize },
    Allocate { file: Index, mode: u32, offset: u64, len: u64 },
    Look(Index),
}

pub fn ops() -> impl Strategy<Value = Op> {
    let node = any::<Index>;
    let name = || prop::sample::select(&NAMES[..]);
    let offset = || 0..(PAGES * PAGE + PAGE / 2) as usize;
    let len = || prop_oneof![0..300_usize, 0..(3 * PAGE) as usize];
    let flags = prop_oneof![4 => Just(0), 1 => Just(RENAME_NOREPLACE), 2 => Just(RENAME_EXCHANGE)];
    let keep = FALLOC_KEEP_SIZE;
    let modes = [0, keep, FALLOC_PUNCH_HOLE | keep, FALLOC_ZERO_RANGE, FALLOC_ZERO_RANGE | keep];
    prop_oneof![
        3 => (node(), name()).prop_map(|(d, n)| Op::Lookup(d, n)),
        2 => (node(), 0..3_u64).prop_map(|(n, count)| Op::Forget(n, count)),
        4 => (node(), name()).prop_map(|(d, n)| Op::Create(d, n)),
        4 => (node(), name()).prop_map(|(d, n)| Op::Mkdir(d, n)),
        1 => (node(), name()).prop_map(|(d, n)| Op::Fifo(d, n)),
        1 => (node(), name(), 120..135_usize).prop_map(|(d, n, len)| Op::Symlink(d, n, len)),
        2 => (node(), node(), name()).prop_map(|(n, d, name)| Op::Link(n, d, name)),
        4 => (node(), name(), any::<bool>()).prop_map(|(d, n, dir)| Op::Take(d, n, dir)),
        6 => (node(), name(), node(), name(), flags).prop_map(|(d, n, e, m, f)| Op::Rename(d, n, e, m, f)),
        3 => node().prop_map(Op::Open),
        1 => node().prop_map(Op::Close),
        5 => (node(), offset(), len(), any::<bool>())
            .prop_map(|(file, offset, len, append)| Op::Write { file, offset, len, append }),
        2 => (node(), offset()).prop_map(|(node, len)| Op::Truncate { node, len }),
        3 => (node(), prop::sample::select(modes.to_vec()), offset(), 1..4 * PAGE).prop_map(
            |(file, mode, offset, len)| Op::Allocate { file, mode, offset: offset as u64, len }
        ),
        2 => node().prop_map(Op::Look),
    ]
}
