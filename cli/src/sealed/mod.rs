//! Running a program under the seal: [`launch`] starts it, [`signals`] stands between it and those who signal it, [`tree`]
//! watches its processes, [`events`] reads what they wrote down, [`program`] says what their files are like, [`coverage`] what
//! was not covered, and [`summary`] puts all into words.

pub mod coverage;
pub mod events;
pub mod launch;
pub mod meant;
pub mod program;
pub mod signals;
pub mod summary;
pub mod tree;
