//! Files of trust anchors that cannot be read.

use std::ffi::CString;
use std::path::Path;

use hostlock::ffi::trust::*;

use crate::c::{Ctx, Failure};
use crate::support::pki::Recipe;
use crate::support::scratch::Scratch;
use crate::table::Row;

pub fn rows() -> Vec<Row> {
    let directory = Scratch::new();
    let pem = String::from_utf8(Recipe::ca("Our CA").self_signed().pem()).unwrap();
    let key = Recipe::ca("Our CA").self_signed().key_pem();
    let file = |situation: &str, path: &Path| {
        let (ctx, path) = (Ctx::trusting(&[]), CString::new(path.to_str().unwrap()).unwrap());
        // SAFETY: the context is live, the path NUL-terminated.
        Row::new(situation, Failure::last(unsafe { hostlock_ctx_trust_file(ctx.0, path.as_ptr()) }))
    };
    let written = |situation: &str, data: &[u8]| file(situation, &directory.file("roots.pem", data));
    let joined = format!("{}{pem}", pem.trim_end());
    let thrice = format!("{pem}{}{}{pem}", pem.trim_end(), pem.trim_end());
    let mut cut = pem.clone();
    cut.truncate(pem.len() / 2);
    let large = directory.join("large.pem");
    std::fs::File::create(&large).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap();
    vec![
        file("an absolute path that does not exist", &directory.join("none.pem")),
        file("a relative path that does not exist", Path::new("none.pem")),
        file("a directory", directory.path()),
        written("nothing in it", b""),
        written("END and BEGIN on one line", joined.as_bytes()),
        written("the same further down", thrice.as_bytes()),
        written("cut off", cut.as_bytes()),
        written("a key", &key),
        file("more than 64 MiB", &large),
    ]
}
