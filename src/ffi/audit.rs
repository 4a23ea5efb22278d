//! Section "Audit" of the header: what is weak in a context or a connection, whoever made it
//!
//! Free a report with hostlock_report_free; the texts that it lends go with it. There is a report even if nothing is
//! wrong.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, clear, not_null, null, status, text};
use super::{hostlock_conn, hostlock_ctx, hostlock_report};
use crate::audit;
use crate::audit::report::{Report, Severity};
use crate::error::{Error, Result, Status};
use crate::libssl::ours;

/// Compares `ctx`, an SSL_CTX that anyone made, with the newest policy, or a context of hostlock's with its own policy.
/// The report names each weakness: what it is, how bad it is, why it matters, and the call that fixes it.
///
/// It only reads: nothing in the context changes, no function of the program's runs, and OpenSSL's error queue stays as
/// it was. It cannot see what a program checks after the handshake, nor what it sets on single connections. Of several
/// own certificates it looks at the current one. It does not know key exchange groups and signature algorithms;
/// hostlock_audit_probe does.
///
/// HOSTLOCK_E_UNSUPPORTED for a context for QUIC, or of a method that is not known. No other thread may change the context
/// meanwhile; connections on it may go on.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `report` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_audit(ctx: *const hostlock_ctx, report: *mut *mut hostlock_report) -> c_int {
    // SAFETY: the caller promises NULL or a live object of any libssl, and a place for the report.
    unsafe { answer(report, || audit::context(ours::ctx(ctx)?)) }
}

/// The same for a connection, before its handshake or after it: with the host, the verify mode, the suites and the
/// options that were set on the connection itself, and, after the handshake, whether the peer was accepted although
/// OpenSSL had refused its certificate.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `report` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_audit_conn(conn: *const hostlock_conn, report: *mut *mut hostlock_report) -> c_int {
    // SAFETY: the caller promises NULL or a live object of any libssl, and a place for the report.
    unsafe { answer(report, || audit::connection(ours::conn(conn)?)) }
}

/// As hostlock_audit, with a trial hello: a connection of `ctx` writes its first message into memory and is thrown
/// away. What that message offers is compared too (suites, key exchange groups, signature algorithms, pre-shared keys).
/// Nothing is sent.
///
/// The program's info, message, security, pre-shared key and ex_data callbacks may run, as for any connection, and the
/// context counts one more that began (SSL_CTX_sess_connect). The error queue is put back as it was, but for marks. A
/// server's context sends no hello; the report then says so.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `report` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_audit_probe(ctx: *mut hostlock_ctx, report: *mut *mut hostlock_report) -> c_int {
    // SAFETY: the caller promises NULL or a live object of any libssl, and a place for the report.
    unsafe { answer(report, || audit::with_probe(ours::ctx(ctx)?)) }
}

/// The report as a table for people, in several lines of UTF-8: how many findings there are of each severity, and for
/// each one what was found, what was seen, why it matters (a CVE or an RFC) and the call that fixes it. "" for NULL.
///
/// # Safety
/// `report` is NULL or a live report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_text(report: *const hostlock_report) -> *const c_char {
    // SAFETY: the caller promises NULL or a live report.
    accessor(c"".as_ptr(), || unsafe { report.as_ref() }.map_or(c"".as_ptr(), |report| report.lend_text().as_ptr()))
}

/// The report as one JSON object: "schema" (1), "subject", "policy", "counts" (one number a severity), "findings"
/// (the worst first; each with "id", "severity", "what", "detail", "items", "why", "fix"). docs/findings.md lists the ids.
/// "{}" for NULL.
///
/// # Safety
/// `report` is NULL or a live report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_json(report: *const hostlock_report) -> *const c_char {
    // SAFETY: the caller promises NULL or a live report.
    accessor(c"{}".as_ptr(), || unsafe { report.as_ref() }.map_or(c"{}".as_ptr(), |report| report.lend_json().as_ptr()))
}

/// Writes to `*count` how many findings of `severity` ("critical", "high", "medium", "low" or "info") the report has;
/// NULL counts all.
///
/// # Safety
/// `report` is NULL or a live report; `severity` is NULL or NUL-terminated; `count` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_report_count(
    report: *const hostlock_report,
    severity: *const c_char,
    count: *mut usize,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live report.
        let report = unsafe { report.as_ref() }.ok_or_else(|| null("report"))?;
        not_null(count, "count")?;
        let wanted = if severity.is_null() {
            None
        } else {
            // SAFETY: the caller promises a NUL-terminated word, and it is not NULL.
            let word = unsafe { text(severity, "severity")? };
            Some(Severity::named(word).ok_or_else(|| {
                let known = Severity::ALL.map(|severity| format!("{:?}", severity.name()));
                Error::new(Status::EArg, format!("there is no severity {word:?}"))
                    .with_hint(format!("the severities are {}; NULL counts all", known.join(", ")))
            })?)
        };
        // SAFETY: the caller promises a writable place, and it is not NULL.
        unsafe { count.write(report.count(wanted)) };
        Ok(())
    })
}

/// Frees a report and the texts that it lent out. NULL is fine.
///
/// # Safety
/// `report` is NULL or came from hostlock_audit or one of its kind, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_free(report: *mut hostlock_report) {
    accessor((), || {
        if !report.is_null() {
            // SAFETY: reports are given out by Box::into_raw, and the caller gives this one up.
            drop(unsafe { Box::from_raw(report) });
        }
    })
}

/// # Safety
/// `report` is NULL or writable.
pub(super) unsafe fn answer(report: *mut *mut hostlock_report, audit: impl FnOnce() -> Result<Report>) -> c_int {
    status(|| {
        // SAFETY: the caller promises that `report` is NULL or writable.
        unsafe { clear(report) };
        not_null(report, "report")?;
        let made = Box::into_raw(Box::new(audit()?));
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { report.write(made) };
        Ok(())
    })
}
