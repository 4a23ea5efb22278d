//! A file to which lines are appended for as long as a process lives, whatever becomes of the process: it may close the
//! descriptors that it does not know, become a user who may not open the file any more, or change its root directory.
//! The file may be renamed meanwhile, as logs are: then another is begun.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

/// What a file is, wherever it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(facts: &Metadata) -> Identity {
        Identity { device: facts.dev(), inode: facts.ino() }
    }
}

/// See the module's text.
pub struct KeptFile {
    path: PathBuf,
    root: Option<Identity>,
    kept: Mutex<Option<(RawFd, Identity)>>,
}

impl KeptFile {
    /// Opens the file of an absolute path, or makes it.
    pub fn open(path: PathBuf) -> io::Result<KeptFile> {
        let kept = keep(&open(&path)?)?;
        Ok(KeptFile { path, root: identity_of(Path::new("/")), kept: Mutex::new(Some(kept)) })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `line` by one write, so that the lines of many processes stay whole.
    pub fn append(&self, line: &[u8]) -> io::Result<()> {
        let Some(mut kept) = self.lock() else { return open(&self.path)?.write_all(line) };
        // Whether it is still the file that we opened: what the program closed, it may have opened for itself.
        let file = (*kept).and_then(|(descriptor, identity)| borrowed(descriptor, identity));
        if let Some(file) = &file
            && !self.is_renamed(file)
        {
            return (&**file).write_all(line);
        }
        let opened = if self.is_at_its_root() { open(&self.path) } else { Err(io::ErrorKind::NotFound.into()) };
        match (opened, file) {
            (Ok(mut another), old) => {
                if let (Some(_), Some((descriptor, _))) = (old, *kept) {
                    // SAFETY: it is ours, as was just seen, and nobody else knows it.
                    unsafe { libc::close(descriptor) };
                }
                *kept = keep(&another).ok();
                another.write_all(line)
            }
            (Err(_), Some(file)) => (&*file).write_all(line),
            (Err(error), None) => Err(error),
        }
    }

    /// Gives the descriptor back. A line that comes later opens the file anew.
    pub fn release(&self) {
        if let Some((descriptor, identity)) = self.lock().and_then(|mut kept| kept.take())
            && borrowed(descriptor, identity).is_some()
        {
            // SAFETY: it is ours, as was just seen, and nobody else knows it.
            unsafe { libc::close(descriptor) };
        }
    }

    /// `None` where it stays locked: the child of a fork may find it locked by a thread that it does not have.
    fn lock(&self) -> Option<MutexGuard<'_, Option<(RawFd, Identity)>>> {
        const PATIENCE: u32 = 200;
        for _ in 0..PATIENCE {
            match self.kept.try_lock() {
                Ok(kept) => return Some(kept),
                Err(TryLockError::Poisoned(kept)) => return Some(kept.into_inner()),
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    }

    /// Whether the file that is open has another name now. One that was removed is not made again: nobody waits for it.
    fn is_renamed(&self, file: &File) -> bool {
        let Ok(facts) = file.metadata() else { return false };
        let elsewhere = match std::fs::metadata(&self.path) {
            Ok(at_path) => Identity::of(&at_path) != Identity::of(&facts),
            Err(error) => error.kind() == io::ErrorKind::NotFound && facts.nlink() > 0,
        };
        elsewhere && self.is_at_its_root()
    }

    /// Whether the path means what it meant.
    fn is_at_its_root(&self) -> bool {
        self.root == identity_of(Path::new("/"))
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        self.release();
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn identity_of(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().as_ref().map(Identity::of)
}

/// Where the descriptor is kept: above those that programs count on getting, and that they close by rote.
const HIGH: libc::rlim_t = 2048;

/// A second descriptor of `file`, at a high number, which programs that are executed do not inherit.
fn keep(file: &File) -> io::Result<(RawFd, Identity)> {
    let identity = Identity::of(&file.metadata()?);
    // SAFETY: all-zero bytes are limits, which the call below fills in.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: the place lives through the call.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    let least = limit.rlim_cur.saturating_sub(32).min(HIGH) as RawFd;
    for least in [least, least / 2, 3] {
        // SAFETY: makes a new descriptor; no memory is involved.
        let descriptor = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
        if descriptor >= 0 {
            return Ok((descriptor, identity));
        }
    }
    Err(io::Error::last_os_error())
}

/// The file of `descriptor`, where it is still the one of `identity`. It is not closed.
fn borrowed(descriptor: RawFd, identity: Identity) -> Option<ManuallyDrop<File>> {
    // SAFETY: all-zero bytes are facts, which the call below fills in.
    let mut facts: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the place lives through the call, which looks at whatever the number means.
    if unsafe { libc::fstat(descriptor, &mut facts) } != 0 {
        return None;
    }
    if (facts.st_dev, facts.st_ino) != (identity.device, identity.inode) {
        return None;
    }
    // SAFETY: the descriptor is open on our own file, and what is made of it never closes it.
    Some(ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn place(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("kept-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory.join("log")
    }

    fn descriptor(file: &KeptFile) -> RawFd {
        file.kept.lock().unwrap().unwrap().0
    }

    #[test]
    fn what_the_program_closed_is_opened_anew_and_what_it_opened_there_is_left_alone() {
        let path = place("closed");
        let file = KeptFile::open(path.clone()).unwrap();
        file.append(b"one\n").unwrap();
        let number = descriptor(&file);
        assert!(number >= 64, "{number} is where programs expect their own");
        let other = File::create(path.with_file_name("other")).unwrap();
        // SAFETY: the program puts a file of its own in the place of ours.
        assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), number) }, number);
        file.append(b"two\n").unwrap();
        assert_ne!(descriptor(&file), number);
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        assert_eq!(fs::read(path.with_file_name("other")).unwrap(), b"");
        // SAFETY: the program closes what it does not know.
        unsafe { libc::close(descriptor(&file)) };
        file.append(b"three\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_log_that_is_renamed_is_begun_anew_and_one_that_is_removed_is_not() {
        let path = place("renamed");
        let file = KeptFile::open(path.clone()).unwrap();
        file.append(b"one\n").unwrap();
        fs::rename(&path, path.with_file_name("log.1")).unwrap();
        file.append(b"two\n").unwrap();
        file.append(b"three\n").unwrap();
        assert_eq!(fs::read(path.with_file_name("log.1")).unwrap(), b"one\n");
        assert_eq!(fs::read(&path).unwrap(), b"two\nthree\n");
        fs::remove_file(&path).unwrap();
        file.append(b"four\n").unwrap();
        assert!(!path.exists());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_cannot_be_opened_is_an_error() {
        assert!(KeptFile::open(PathBuf::from("/nonexistent/log")).is_err());
        assert!(KeptFile::open(std::env::temp_dir()).is_err());
    }
}
