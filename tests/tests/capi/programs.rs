//! Programs in C, one for each header.

use std::process::Command;

use nxvfs_tests::fixture::{host_library, run};
use nxvfs_tests::{Folder, repository};

use crate::harness::{application, compile};

#[test]
fn a_program_in_c_uses_the_host() {
    let (library, folder) = (host_library(), Folder::new());
    let program = folder.at("program");
    let source = repository().join("tests/capi/program.c");
    compile(&source, &["-std=c11", "-Wpedantic"], &program, Some(&library));
    assert_eq!(run(&mut Command::new(&program)), "all claims hold\n");
}

#[test]
fn descriptors_of_both_sides_live_in_one_program() {
    application("descriptors");
}

#[test]
fn every_call_of_fcntl_h_and_its_errors() {
    application("fcntl");
}

#[test]
fn every_call_of_unistd_h_and_its_errors() {
    application("unistd");
}

#[test]
fn every_call_of_stat_h_and_its_errors() {
    application("stat");
}

#[test]
fn every_call_of_dirent_h_and_its_errors() {
    application("dirent");
}

#[test]
fn every_call_of_poll_h_and_select_h_and_their_errors() {
    application("poll");
}

#[test]
fn every_call_of_mman_h_and_its_errors() {
    application("mman");
}

#[test]
fn ioctl_with_the_numbers_of_linux_and_nuttx() {
    application("ioctl");
}

#[test]
fn mount_and_umount_with_the_signatures_of_nuttx() {
    application("mount");
}
