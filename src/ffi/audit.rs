//! Section "Audit" of the header: reports about contexts and connections, whoever made those.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, fail, not_null, status, text};
use super::hostlock_report;
use crate::bridge::report::Severity;
use crate::error::{Error, Status};

/// The report as a table for a person, in several lines of UTF-8: how many findings of which severity, and of each what
/// was found, what was seen, why it matters (a CVE or an RFC) and the call that fixes it. Owned by the report; "" for NULL.
///
/// # Safety
/// `report` is NULL or a live report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_text(report: *const hostlock_report) -> *const c_char {
    // SAFETY: as the caller promises.
    accessor(c"".as_ptr(), || unsafe { report.as_ref() }.map_or(c"".as_ptr(), |report| report.lend_text().as_ptr()))
}

/// The report as one JSON object in ASCII: "schema" (1), "subject", "policy", "counts" (one number a severity), "findings"
/// (the worst first; each with "id", "severity", "what", "detail", "items", "why", "fix"). docs/audit.md lists the ids.
/// Owned by the report; "{}" for NULL.
///
/// # Safety
/// `report` is NULL or a live report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_json(report: *const hostlock_report) -> *const c_char {
    // SAFETY: as the caller promises.
    accessor(c"{}".as_ptr(), || unsafe { report.as_ref() }.map_or(c"{}".as_ptr(), |report| report.lend_json().as_ptr()))
}

/// How many findings of `severity` ("critical", "high", "medium", "low" or "info") the report has; NULL counts all.
/// HOSTLOCK_E_ARG where `report` is NULL or the word is none of these.
///
/// # Safety
/// `report` is NULL or a live report; `severity` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_report_count(report: *const hostlock_report, severity: *const c_char) -> c_int {
    let mut count = 0;
    let outcome = status(|| {
        not_null(report, "report")?;
        let wanted = if severity.is_null() {
            None
        } else {
            // SAFETY: as the caller promises.
            let word = unsafe { text(severity, "severity")? };
            Some(Severity::named(word).ok_or_else(|| {
                let known = Severity::ALL.map(|severity| format!("{:?}", severity.name()));
                Error::new(Status::EArg, format!("there is no severity {word:?}"))
                    .with_hint(format!("the severities are {}; NULL counts all", known.join(", ")))
            })?)
        };
        // SAFETY: as the caller promises; not NULL.
        count = unsafe { report.as_ref() }.map_or(0, |report| report.count(wanted));
        Ok(())
    });
    if outcome != 0 {
        return outcome;
    }
    c_int::try_from(count).unwrap_or_else(|_| fail(Error::new(Status::EInternal, "more findings than an int counts")))
}

/// Frees a report and the texts that it lent out. NULL is fine.
///
/// # Safety
/// `report` is NULL or came from hostlock_audit or one of its kind, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_report_free(report: *mut hostlock_report) {
    accessor((), || {
        if !report.is_null() {
            // SAFETY: as the caller promises; reports are given out by Box::into_raw.
            drop(unsafe { Box::from_raw(report) });
        }
    })
}
