//! How fast the host and its plugins are, beside what else does the same.
//!
//! * [`measure`]: clocks, and the median of rounds in which all contestants take their turns.
//! * [`images`]: volumes that `mkfs.fat`, `genromfs` and our own writes make, kept between runs.
//! * [`ours`]: a host whose plugins are loaded from files, used through a task's descriptors.
//! * [`peers`]: the others, behind the same trait, [`Volume`].
//! * [`work`]: the workloads W1 to W10, which yield the [`Row`]s of the table.

pub mod images;
pub mod measure;
pub mod memory;
pub mod ours;
pub mod peers;
mod plugins;
mod row;
mod scale;
mod volume;
pub mod work;

pub use plugins::plugin_dir;
pub use row::{Cell, Goal, Row, Unit, table};
pub use scale::Scale;
pub use volume::{Direction, Volume};
