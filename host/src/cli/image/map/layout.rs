//! The medium as a row of pieces, each with its owner.

use crate::base::Result;

use super::super::survey::Survey;

/// Who owns a piece of the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A file, by its number in the survey, and which of its extents it is.
    File { number: usize, extent: usize },
    /// The file system: tables, directories, headers.
    Metadata,
    /// Nobody: no file, and nothing but zeros.
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
    /// Puts the extents of all files into order, and what is between them. `is_zero` looks at the medium.
    pub(super) fn new(
        survey: &Survey,
        len_bytes: u64,
        is_zero: impl Fn(u64, u64) -> Result<bool>,
    ) -> Result<Self> {
        let mut files: Vec<Piece> = Vec::new();
        for (number, file) in survey.files.iter().enumerate() {
            for (extent, at) in file.extents.iter().enumerate() {
                let end = at.medium_offset.saturating_add(at.len_bytes).min(len_bytes);
                if at.medium_offset < end {
                    files.push(Piece { start: at.medium_offset, end, owner: Owner::File { number, extent } });
                }
            }
        }
        files.sort_by_key(|piece| piece.start);
        let (mut pieces, mut at) = (Vec::with_capacity(files.len() * 2 + 1), 0);
        let last = Piece { start: len_bytes, end: len_bytes, owner: Owner::Nobody };
        for piece in files.into_iter().chain([last]) {
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
