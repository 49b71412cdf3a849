//! A long random history of tasks, files, views and mounts, step by step against a model that is kept in ordinary memory.
//! A seed tells the whole history; a failure names seed and step.

#![allow(unsafe_code, unreachable_pub, reason = "stores into and loads from mapped memory by its address")]

#[path = "trace/model.rs"]
mod model;
#[path = "trace/names.rs"]
mod names;
#[path = "trace/run.rs"]
mod run;
#[path = "trace/steps.rs"]
mod steps;
#[path = "trace/views.rs"]
mod views;

use nxvfs_tests::on_both_links;

on_both_links! {
    fn a_hundred_thousand_steps_agree_with_the_model(link: Link) {
        // Several shorter histories reach more states than one long one, in which everything exists in the end.
        for seed in 0..10 {
            run::history(link, seed, 10_000);
        }
    }
}
