//! The files of an installation: whether programs would find the library, and the command its initialiser.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const LIBRARY: &str = "libhostlock.so.0";

/// The library that the loader gives to a program which asks for it by its name; `None` where it finds none.
pub fn library() -> Option<PathBuf> {
    let directories = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = env::split_paths(&directories).map(|directory| directory.join(LIBRARY)).find(|file| file.is_file());
    named.or_else(|| of_cache(&cache()?))
}

/// What the loader knows, as `ldconfig -p` prints it.
fn cache() -> Option<String> {
    let printed = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"]
        .into_iter()
        .find_map(|program| Command::new(program).arg("-p").stdin(Stdio::null()).stderr(Stdio::null()).output().ok())?;
    Some(String::from_utf8_lossy(&printed.stdout).into_owned())
}

fn of_cache(printed: &str) -> Option<PathBuf> {
    let line = printed.lines().find(|line| line.trim_start().starts_with(LIBRARY))?;
    line.split_once(" => ").map(|(_, path)| PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_the_loader_is_read() {
        let printed = "2 libs found\n\tlibfoo.so.1 (libc6) => /lib/libfoo.so.1\n\tlibhostlock.so.0 (libc6,x86-64) => /usr/local/lib/libhostlock.so.0\n";
        assert_eq!(of_cache(printed), Some(PathBuf::from("/usr/local/lib/libhostlock.so.0")));
        assert_eq!(of_cache("0 libs found\n"), None);
    }
}
