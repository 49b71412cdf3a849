//! Assertions on refusals: an errno, and a sentence that teaches.

use std::fmt::Debug;

use nxvfs::{Errno, Error};

/// Fails unless the result is a refusal with this errno whose sentence holds all the parts; answers the refusal.
#[track_caller]
pub fn refused<T>(result: Result<T, Error>, errno: Errno, parts: &[&str]) -> Error {
    let error = match result {
        Ok(_) => panic!("succeeded, expected {} with {parts:?}", errno.name()),
        Err(error) => error,
    };
    assert_eq!(error.errno(), errno, "{error}");
    let sentence = error.to_string();
    for part in parts {
        assert!(sentence.contains(part), "'{part}' is not in the sentence: {sentence}");
    }
    error
}

/// As [`refused`], and the sentence says what to do about it.
#[track_caller]
pub fn taught<T>(result: Result<T, Error>, errno: Errno, parts: &[&str]) -> Error {
    let error = refused(result, errno, parts);
    assert!(!error.detail().remedy.is_empty(), "no remedy: {error}");
    error
}

/// Fails unless the result is a refusal with this errno.
#[track_caller]
pub fn errno<T: Debug>(result: Result<T, Error>, errno: Errno) {
    match result {
        Ok(value) => panic!("answered {value:?}, expected {}", errno.name()),
        Err(error) => assert_eq!(error.errno(), errno, "{error}"),
    }
}
