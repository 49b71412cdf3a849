//! Hides what the linked plugins export for a host that would load them: of this library the `nx_` functions are seen. And
//! gives it its name, so that programs do not remember the path that they were linked with.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libnxvfs.so");
}
