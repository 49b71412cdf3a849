//! x
use super::find::{Place, Source};
use crate::cli::failure::Done;
use crate::cli::shell::Shell;
pub(super) fn info(_shell: &mut Shell, _source: &Source, _place: &Place) -> Done {
    Ok(())
}
