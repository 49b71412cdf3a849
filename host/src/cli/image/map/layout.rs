//! The medium as a row of pieces, each with its owner.

use nxvfs_abi::Extent;

use super::super::survey::Survey;
use crate::base::Result;

/// Who owns a piece of the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A file, by its number in the survey, and which of its extents it is.
    File { number: usize, extent: usize },
    /// The file system: tables, directories, headers.
    Metadata,
    /// Nobody, as the file system says; or as nothing but zeros is there.
    Nobody,
}

/// A piece of the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) owner: Owner,
}

/// The medium from its first to its last byte.
pub(super) struct Layout {
    pub(super) len_bytes: u64,
    pub(super) pieces: Vec<Piece>,
}

impl Layout {
    /// Puts the extents of all files and the free parts into order, and what is between them. `is_zero` looks at the medium.
    pub(super) fn new(
        survey: &Survey,
        free: &[Extent],
        len_bytes: u64,
        is_zero: impl Fn(u64, u64) -> Result<bool>,
    ) -> Result<Self> {
        let piece = |at: &Extent, owner| {
            let end = at.medium_offset.saturating_add(at.len_bytes).min(len_bytes);
            Piece { start: at.medium_offset, end, owner }
        };
        let mut known: Vec<Piece> = free.iter().map(|at| piece(at, Owner::Nobody)).collect();
        for (number, file) in survey.files.iter().enumerate() {
            let extents = file.extents.iter().enumerate();
            known.extend(extents.map(|(extent, at)| piece(at, Owner::File { number, extent })));
        }
        known.retain(|piece| piece.start < piece.end);
        known.sort_by_key(|piece| piece.start);
        let (mut pieces, mut at) = (Vec::with_capacity(known.len() * 2 + 1), 0);
        let last = Piece { start: len_bytes, end: len_bytes, owner: Owner::Nobody };
        for piece in known.into_iter().chain([last]) {
            if at < piece.start {
                let owner = if is_zero(at, piece.start)? { Owner::Nobody } else { Owner::Metadata };
                pieces.push(Piece { start: at, end: piece.start, owner });
            }
            // On a damaged volume files may lie on each other: the first is shown.
            let piece = Piece { start: piece.start.max(at), ..piece };
            if piece.start < piece.end {
                at = piece.end;
                pieces.push(piece);
            }
        }
        Ok(Self { len_bytes, pieces })
    }
}
