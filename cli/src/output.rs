//! What goes to standard output and standard error: whole texts, colours only for people, and no complaint when the
//! reader has had enough.

use std::io::{self, ErrorKind, IsTerminal, Write};

use hostlock::{Error, Result, Status};

/// How a cell or a line looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// New, or more.
    Green,
    /// To be looked at.
    Yellow,
    /// Gone, or past.
    Red,
}

impl Style {
    /// `text` in this style, where there is a terminal to show it.
    pub fn paint(self, text: &str, coloured: bool) -> String {
        let code = match self {
            _ if !coloured => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Bold => 1,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether standard output is read by a person who wants colours (no-color.org).
pub fn is_coloured() -> bool {
    let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !asked_not_to && !is_dumb
}

/// Writes `text` to standard output. A reader that went away has seen what it wanted.
pub fn show(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Status::EIo, format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes one line to standard error; where that is gone too there is nobody to tell.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// "1 root", "2 roots".
pub fn roots(count: usize) -> String {
    format!("{count} root{}", if count == 1 { "" } else { "s" })
}

/// Says what failed, and what can be done.
pub fn complain(error: &Error) {
    note(&format!("hostlock: {}", error.message()));
    if !error.hint().is_empty() {
        note(&format!("hint: {}", error.hint()));
    }
}
