//! What stands in a board: its tables, their keys and the types of these. `docs/board.schema.json` says the same.

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Number,
    /// A table of names and values, for a driver.
    Params,
    /// The same, or text as after `-o`.
    Options,
}

impl Takes {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number from 0 to 2^64 - 1",
            Self::Params => "a table such as { image = \"rom.img\", ro = true }",
            Self::Options => "a string such as \"ro,mmap=xip\", or a table such as { ro = true }",
        }
    }
}

/// A key of an entry.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) needed: bool,
}

/// A kind of entry: `[[name]]`.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

const fn may(name: &'static str, takes: Takes) -> Key {
    Key { name, takes, needed: false }
}

const fn must(name: &'static str, takes: Takes) -> Key {
    Key { name, takes, needed: true }
}

/// All kinds of entries.
pub(super) const SECTIONS: [Section; 6] = [
    Section {
        name: "plugin",
        keys: &[may("name", Takes::Text), may("file", Takes::Text), may("params", Takes::Params)],
    },
    Section {
        name: "device",
        keys: &[must("driver", Takes::Text), must("node", Takes::Text), may("params", Takes::Params)],
    },
    Section {
        name: "partition",
        keys: &[
            must("device", Takes::Text),
            may("node", Takes::Text),
            may("start_sector", Takes::Number),
            may("sectors", Takes::Number),
        ],
    },
    Section {
        name: "mount",
        keys: &[
            may("source", Takes::Text),
            must("target", Takes::Text),
            must("type", Takes::Text),
            may("options", Takes::Options),
        ],
    },
    Section {
        name: "tmp",
        keys: &[
            must("path", Takes::Text),
            may("type", Takes::Text),
            may("size", Takes::Text),
            may("mode", Takes::Number),
        ],
    },
    Section { name: "link", keys: &[must("path", Takes::Text), must("target", Takes::Text)] },
];
