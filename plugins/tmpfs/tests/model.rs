//! Random operations, against a model that is simple enough to be believed. A failure shrinks to a few steps.

mod common;
mod model {
    pub mod compare;
    pub mod files;
    pub mod ops;
    pub mod rename;
    pub mod run;
    pub mod state;
}

use common::{limited, used};
use model::compare::compare;
use model::ops::{Op, ops};
use model::run::run;
use model::state::{INODES, Model, PAGES};
use nxvfs_sdk::mode;
use proptest::prelude::*;

/// Takes all names away, and then the counts.
fn empty(volume: &common::Volume, model: &Model) {
    let mut dirs = vec![volume.root()];
    let mut at = 0;
    while at < dirs.len() {
        for entry in volume.readdir(dirs[at]).unwrap() {
            if entry.file_type == mode::S_IFDIR {
                dirs.push(volume.lookup(dirs[at], &entry.name).unwrap().node);
            } else {
                volume.unlink(dirs[at], &entry.name).unwrap();
            }
        }
        at += 1;
    }
    // The deepest last, so from the end nothing is in them any more.
    for dir in dirs.iter().rev() {
        for entry in volume.readdir(*dir).unwrap() {
            volume.rmdir(*dir, &entry.name).unwrap();
        }
        volume.forget(*dir, 1);
    }
    model.nodes.iter().for_each(|(node, known)| volume.forget(*node, known.count));
}

fn play(steps: &[Op]) {
    let volume = limited(PAGES * common::PAGE, INODES);
    let mut model = Model::new(volume.root());
    let mut files = Vec::new();
    for step in steps {
        run(&volume, &mut model, &mut files, step);
        assert_eq!(used(&volume), model.used(), "after {step:?}");
    }
    for (node, known) in &model.nodes {
        compare(&volume, &model, *node, known);
    }
    drop(files);
    empty(&volume, &model);
    assert_eq!(used(&volume), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_volume_behaves_as_the_model(steps in prop::collection::vec(ops(), 1..150)) {
        play(&steps);
    }
}
