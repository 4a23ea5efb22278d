//! Running a program under the seal: [`launch`] starts it, [`events`] reads what it wrote down, [`program`] says why it
//! may have written nothing, [`signals`] stands between it and those who signal it, and [`summary`] puts all into words.

pub mod events;
pub mod launch;
pub mod meant;
pub mod program;
pub mod signals;
pub mod summary;
