//! Programs that lie in the tree of files, run by the operating system.
//!
//! The program is copied into a sealed file in memory, which is what the kernel executes. It is a process of the operating
//! system: what it opens by name is the operating system's. Files of the tree reach it as its standard input, output and
//! error, through pipes that threads of the host fill and empty: they have no position there, and the program's input
//! may be read ahead of it.

mod child;
mod executable;
mod pump;
mod spawn;

pub use child::{Child, Exit};
pub use executable::{Executable, Executor, ProgramError};
pub use spawn::{Prepared, Program, Standard};

pub use crate::bridge::Inherited;
