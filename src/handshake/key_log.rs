//! Writes the secrets of a context's connections to the file that the program named, and tells the program's own callback.

use std::path::Path;

use crate::chain::waivers::{Waiver, reason};
use crate::error::Result;
use crate::guard::key_log::KeyLog;
use crate::guard::{Family, Guard};
use crate::libssl::callback::Callback;
use crate::libssl::key_log::{self, Line};
use crate::libssl::{Ctx, sys};

/// What a program asks for.
pub struct Wish<'a> {
    /// The file.
    pub path: &'a Path,
    /// Why.
    pub reason: &'a str,
}

/// Has the secrets written.
pub fn write_to<'a>(
    ctx: Ctx<'_>,
    guard: &Guard,
    call: &'static str,
    wish: impl FnOnce() -> Result<Wish<'a>>,
) -> Result<()> {
    guard.check_not_frozen(call)?;
    let prepare = || {
        let wish = wish()?;
        let reason = reason(wish.reason)?;
        let before = ctx.keylog_callback().filter(|callback| !std::ptr::fn_addr_eq(*callback, KEY_LOG));
        let earlier = guard.settings().key_log.as_ref().and_then(|log| log.of_program);
        let log = KeyLog::open(wish.path, before.or(earlier))?;
        ctx.set_keylog_callback(KEY_LOG);
        Ok((log, reason))
    };
    guard.configure(Family::Insecure(Waiver::KeyLog), call, prepare, |settings, (log, reason)| {
        settings.key_log = Some(log);
        settings.waivers.give(Waiver::KeyLog, reason);
    })
}

struct Write;

static KEY_LOG: sys::KeylogCallback = key_log::key_log::<Write>;

impl Callback for Write {
    type Question<'a> = Line<'a>;
    type Answer = ();
    const CLOSED: () = ();

    fn answer(line: Line<'_>) {
        crate::nets::here!("key log");
        let Some(log) = Guard::of_conn(line.conn).and_then(|guard| guard.settings().key_log.clone()) else { return };
        log.append(line.text.to_bytes());
        if let Some(own) = log.of_program {
            line.pass_on(own);
        }
    }
}
