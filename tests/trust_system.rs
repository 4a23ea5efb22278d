//! The system's roots: what the environment names, what is said where that is no good, that an updated file is seen by
//! the next context, and that a setuid process does not look. Each test runs in a child with an environment of its own.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use hostlock::error::Status;
use support::child;
use support::loopback::{Client, World};
use support::scratch::Scratch;

/// In the parent: runs the test `name` in a child that `prepare` gives its environment. In the child: the directory.
fn in_child(name: &str, prepare: impl FnOnce(&mut Command, &Scratch)) -> Option<std::path::PathBuf> {
    let directory = child::directory();
    if directory.is_none() {
        let scratch = Scratch::new();
        let mut command = child::command(name, scratch.path());
        prepare(&mut command, &scratch);
        child::passes(&mut command);
    }
    directory
}

/// No handshake, no count and no call must fall back to other roots than those that the environment names.
fn all_refuse(status: Status, words: &[&str]) {
    let world = World::new("CA");
    let client = Client::new();
    let refusal = client.connect(world.port).unwrap_err();
    assert_eq!(refusal.status(), status, "{refusal}");
    for word in words {
        assert!(refusal.message().contains(word), "{word:?} in {refusal}");
    }
    assert_eq!(client.trust_count().unwrap_err().status, status);
    let failure = client.trust_system().unwrap_err();
    assert_eq!((failure.status, failure.message.as_str()), (status, refusal.message()));
    assert_eq!(client.status(world.port), Status::EPoisoned);
    client.trust_mem(&world.ca.pem()).unwrap();
    client.connect(world.port).unwrap();
    assert_eq!(client.trust_count(), Ok(1));
}

#[test]
fn a_missing_file_in_ssl_cert_file_is_an_error_that_names_it() {
    const NAME: &str = "a_missing_file_in_ssl_cert_file_is_an_error_that_names_it";
    if in_child(NAME, |command, _| _ = command.env("SSL_CERT_FILE", "/nonexistent/roots.pem")).is_some() {
        all_refuse(Status::ENotFound, &["there is no file \"/nonexistent/roots.pem\"", "SSL_CERT_FILE"]);
    }
}

#[test]
fn garbage_in_ssl_cert_file_is_an_error_that_names_it() {
    const NAME: &str = "garbage_in_ssl_cert_file_is_an_error_that_names_it";
    let prepare = |command: &mut Command, scratch: &Scratch| {
        command.env("SSL_CERT_FILE", scratch.file("garbage.pem", "garbage"));
    };
    if in_child(NAME, prepare).is_some() {
        all_refuse(Status::EBadPem, &["garbage.pem\" (named by SSL_CERT_FILE) is neither PEM nor DER"]);
    }
}

#[test]
fn a_missing_directory_in_ssl_cert_dir_is_an_error_that_names_it() {
    const NAME: &str = "a_missing_directory_in_ssl_cert_dir_is_an_error_that_names_it";
    if in_child(NAME, |command, _| _ = command.env("SSL_CERT_DIR", "/nonexistent/roots")).is_some() {
        all_refuse(Status::ENotFound, &["there is no directory \"/nonexistent/roots\"", "SSL_CERT_DIR"]);
    }
}

#[test]
fn directories_in_ssl_cert_dir_that_are_not_there_are_passed_over_where_another_or_the_file_has_roots() {
    const NAME: &str =
        "directories_in_ssl_cert_dir_that_are_not_there_are_passed_over_where_another_or_the_file_has_roots";
    for (with_file, paths) in [
        (false, "/nonexistent/a:{}:/nonexistent/b"),
        (false, "{}:/nonexistent/a"),
        (true, "/nonexistent/a:/nonexistent/b"),
    ] {
        let prepare = |command: &mut Command, scratch: &Scratch| {
            let roots = scratch.directory("roots");
            command.env("SSL_CERT_DIR", paths.replace("{}", &roots.display().to_string()));
            if with_file {
                command.env("SSL_CERT_FILE", roots.join("ca.pem"));
            }
        };
        let Some(directory) = in_child(NAME, prepare) else { continue };
        let (world, other) = (World::new("CA"), World::new("Other CA"));
        std::fs::write(directory.join("roots/ca.pem"), world.ca.pem()).unwrap();
        let client = Client::new();
        assert_eq!(client.trust_count(), Ok(1));
        client.connect(world.port).unwrap();
        assert!(client.connect(other.port).is_err());
        return;
    }
}

#[test]
fn directories_of_which_none_is_there_are_an_error_that_names_the_variable_and_the_first() {
    const NAME: &str = "directories_of_which_none_is_there_are_an_error_that_names_the_variable_and_the_first";
    if in_child(NAME, |command, _| _ = command.env("SSL_CERT_DIR", "/nonexistent/a:/nonexistent/b")).is_some() {
        all_refuse(Status::ENotFound, &["there is no directory \"/nonexistent/a\" (named by SSL_CERT_DIR)"]);
    }
}

#[test]
fn an_empty_directory_in_ssl_cert_dir_is_an_error_that_names_it() {
    const NAME: &str = "an_empty_directory_in_ssl_cert_dir_is_an_error_that_names_it";
    let prepare = |command: &mut Command, scratch: &Scratch| {
        command.env("SSL_CERT_DIR", scratch.directory("empty"));
    };
    if in_child(NAME, prepare).is_some() {
        all_refuse(Status::EEmpty, &["empty\" (named by SSL_CERT_DIR) holds no file of certificates"]);
    }
}

#[test]
fn the_file_and_every_directory_that_the_environment_names_are_trusted_together_and_nothing_else() {
    const NAME: &str = "the_file_and_every_directory_that_the_environment_names_are_trusted_together_and_nothing_else";
    let prepare = |command: &mut Command, scratch: &Scratch| {
        let (one, other) = (scratch.directory("one"), scratch.directory("other"));
        command.env("SSL_CERT_FILE", scratch.join("file.pem"));
        command.env("SSL_CERT_DIR", format!("{}:{}", one.display(), other.display()));
    };
    let Some(directory) = in_child(NAME, prepare) else { return };
    let worlds = ["file.pem", "one/ca.pem", "other/ca.crt"].map(|name| {
        let world = World::new(name);
        std::fs::write(directory.join(name), world.ca.pem()).unwrap();
        world
    });
    let client = Client::new();
    assert_eq!(client.trust_count(), Ok(3));
    for world in &worlds {
        client.connect(world.port).unwrap();
    }
}

#[test]
fn an_updated_file_or_directory_is_seen_by_the_next_context() {
    const NAME: &str = "an_updated_file_or_directory_is_seen_by_the_next_context";
    let prepare = |command: &mut Command, scratch: &Scratch| {
        command.env("SSL_CERT_FILE", scratch.join("roots.pem")).env("SSL_CERT_DIR", scratch.directory("roots"));
    };
    let Some(directory) = in_child(NAME, prepare) else { return };
    let (first, second, third) = (World::new("First CA"), World::new("Second CA"), World::new("Third CA"));
    let trusts = |client: &Client| [&first, &second, &third].map(|world| client.connect(world.port).is_ok());
    std::fs::write(directory.join("roots.pem"), first.ca.pem()).unwrap();
    let old = Client::new();
    assert_eq!(trusts(&old), [true, false, false]);
    assert_eq!(trusts(&Client::new()), [true, false, false]);
    // Another file in its place, as package managers do it.
    std::fs::write(directory.join("new.pem"), second.ca.pem()).unwrap();
    std::fs::rename(directory.join("new.pem"), directory.join("roots.pem")).unwrap();
    assert_eq!(trusts(&Client::new()), [false, true, false]);
    assert_eq!(trusts(&old), [true, false, false], "a context keeps what it began with");
    std::fs::write(directory.join("roots/third.pem"), third.ca.pem()).unwrap();
    assert_eq!(trusts(&Client::new()), [false, true, true]);
    // The directory itself does not change when a file in it is written over.
    std::fs::write(directory.join("roots/third.pem"), [third.ca.pem(), first.ca.pem()].concat()).unwrap();
    assert_eq!(trusts(&Client::new()), [true, true, true]);
    std::fs::remove_file(directory.join("roots.pem")).unwrap();
    assert_eq!(Client::new().status(second.port), Status::ENotFound);
}

#[test]
fn threads_that_begin_together_see_the_same_roots() {
    const NAME: &str = "threads_that_begin_together_see_the_same_roots";
    let prepare = |command: &mut Command, scratch: &Scratch| {
        command.env("SSL_CERT_FILE", scratch.join("roots.pem"));
    };
    let Some(directory) = in_child(NAME, prepare) else { return };
    let (world, stranger) = (World::new("CA"), World::new("Stranger CA"));
    std::fs::write(directory.join("roots.pem"), world.ca.pem()).unwrap();
    let shared = Client::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for client in [&shared, &Client::new()] {
                    client.connect(world.port).unwrap();
                    assert_eq!(client.status(stranger.port), Status::EUnknownIssuer);
                }
            });
        }
    });
}

#[test]
fn without_a_word_the_roots_are_the_systems_or_the_bundled_ones() {
    const NAME: &str = "without_a_word_the_roots_are_the_systems_or_the_bundled_ones";
    if in_child(NAME, |_, _| ()).is_none() {
        return;
    }
    let world = World::new("CA");
    let client = Client::new();
    let count = client.trust_count().unwrap();
    assert!(count > 50, "{count}");
    assert_eq!(client.status(world.port), Status::EUnknownIssuer);
    let explicit = Client::new();
    explicit.trust_system().unwrap();
    assert_eq!(explicit.trust_count(), Ok(count));
}

#[test]
fn a_setuid_process_does_not_look_at_its_environment() {
    const NAME: &str = "a_setuid_process_does_not_look_at_its_environment";
    const NOBODY: u32 = 65_534;
    if child::directory().is_some() {
        let world = World::new("CA");
        // SAFETY: reads the vector that the kernel gave the process.
        let secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
        let is_setuid = std::env::var_os("HOSTLOCK_TEST_SETUID").is_some();
        if is_setuid && !secure {
            return println!("skipped: this file system does not let programs be setuid");
        }
        assert_eq!(secure, is_setuid);
        // The file that SSL_CERT_FILE names is not there.
        let expected = if secure { Status::EUnknownIssuer } else { Status::ENotFound };
        assert_eq!(Client::new().status(world.port), expected);
        return;
    }
    // SAFETY: no arguments.
    if unsafe { libc::geteuid() } != 0 {
        return println!("skipped: only root can make a setuid program");
    }
    let scratch = Scratch::new();
    let set_mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set_mode(scratch.path(), 0o755);
    let program = scratch.join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for (mode, is_setuid) in [(0o755, false), (0o4755, true)] {
        set_mode(&program, mode);
        let mut command = child::of_program(&program, NAME, scratch.path());
        command.env("SSL_CERT_FILE", "/nonexistent/roots.pem").uid(NOBODY).gid(NOBODY);
        if is_setuid {
            command.env("HOSTLOCK_TEST_SETUID", "1");
        }
        child::passes(&mut command);
    }
}
