//! Says on the terminal what is being done where it takes longer than a second, and takes the line away afterwards.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);

/// Does `work`, and shows `what` on standard error where that is a terminal and the work takes its time.
pub fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if io::stderr().is_terminal() { watched(what, PATIENCE, &mut io::stderr(), work) } else { work() }
}

fn watched<T>(what: &str, patience: Duration, out: &mut (impl Write + Send), work: impl FnOnce() -> T) -> T {
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut seconds = 0;
            while is_done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                seconds += 1;
                let _ = write!(out, "\r{what} ... {seconds} s").and_then(|()| out.flush());
            }
            if seconds > 0 {
                let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_work_is_done_in_silence() {
        let mut out = Vec::new();
        assert_eq!(watched("reading", Duration::from_secs(3600), &mut out, || 7), 7);
        assert_eq!(out, b"");
    }

    #[test]
    fn slow_work_is_shown_and_its_line_taken_away() {
        let (written, is_written) = channel();
        struct Notify(Vec<u8>, std::sync::mpsc::Sender<()>);
        impl Write for Notify {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                let _ = self.1.send(());
                Ok(())
            }
        }
        let mut out = Notify(Vec::new(), written);
        // The work ends when something was shown.
        watched("reading", Duration::from_millis(1), &mut out, || is_written.recv().unwrap());
        let text = String::from_utf8(out.0).unwrap();
        assert!(text.starts_with("\rreading ... 1 s") && text.ends_with("\r\x1b[K"), "{text:?}");
    }
}
