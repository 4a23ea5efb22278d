//! Running a program under the seal: [`launch`] starts it, [`events`] reads what it wrote down, [`program`] says why it
//! may have written nothing, and [`summary`] puts both into words.

pub mod events;
pub mod launch;
pub mod meant;
pub mod program;
pub mod summary;
