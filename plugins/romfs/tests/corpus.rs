//! Replays the images in `tests/corpus`: seeds for a fuzzer, and what one once found.

mod common;

#[test]
fn every_image_of_the_corpus_is_refused_or_walked() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(dir).expect("the corpus is a folder beside this file") {
        let path = entry.unwrap().path();
        let seen = common::seen(&std::fs::read(&path).unwrap());
        assert!(!seen.is_empty(), "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "{dir} is empty");
}
