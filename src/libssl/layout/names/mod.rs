//! The names in an `X509_VERIFY_PARAM`: the hosts, addresses and e-mail addresses that a program told OpenSSL to expect,
//! in their order. What they are worth is decided by who asks. Names that are there and cannot be read are an error, never
//! none.

#[cfg(not(ossl400))]
#[path = "before_4.rs"]
mod kept;
#[cfg(ossl400)]
#[path = "since_4.rs"]
mod kept;
#[cfg(not(ossl400))]
mod places;
mod terminated;

pub use kept::{addresses, emails, hosts};

use crate::error::{Error, Status};

/// The error where names cannot be read.
fn hidden(what: &str) -> Error {
    Error::new(Status::EUnsupported, format!("this OpenSSL does not show which {what} the program named to it"))
        .with_hint("name it with hostlock_conn_set_host or hostlock_ctx_set_host, and not to OpenSSL")
}

/// The same, unless there are none.
#[cfg(ossl400)]
fn unless_none<T>(what: &str, there_is_none: bool) -> crate::error::Result<Vec<T>> {
    if there_is_none { Ok(Vec::new()) } else { Err(hidden(what)) }
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignType;
    use openssl::ssl::{Ssl, SslContext, SslMethod};
    use openssl_sys as ffi;

    use super::*;
    use crate::libssl::{Param, sys};

    fn context() -> SslContext {
        SslContext::builder(SslMethod::tls()).unwrap().build()
    }

    #[test]
    fn a_connections_copy_of_its_contexts_names_ends_where_they_end() {
        for len in 1..60 {
            let (host, email) = (format!("{}.example", "h".repeat(len)), format!("{}@mail.example", "m".repeat(len)));
            let context = context();
            // SAFETY: all objects are live, and the names are copied.
            unsafe {
                let param = ffi::SSL_CTX_get0_param(context.as_ptr());
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, host.as_ptr().cast(), host.len()), 1);
                assert_eq!(sys::X509_VERIFY_PARAM_set1_email(param, email.as_ptr().cast(), email.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    assert_eq!(hosts(Param::new(param)).unwrap(), [host.as_bytes()]);
                    assert_eq!(emails(Param::new(param)).unwrap(), [email.as_bytes()]);
                }
            }
        }
    }

    #[test]
    fn this_openssl_shows_where_it_keeps_an_address() {
        #[cfg(not(ossl400))]
        assert!(places::found().is_some());
        let context = context();
        // SAFETY: the context is live, and the octets are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(addresses(Param::new(param)).unwrap().is_empty());
            for octets in [&[127u8, 0, 0, 1][..], &[0; 16]] {
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, octets.as_ptr(), octets.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    let [found] = addresses(Param::new(param)).unwrap()[..] else { panic!("one address") };
                    assert_eq!(found.is_ipv4(), octets.len() == 4);
                }
            }
        }
    }

    #[test]
    fn an_e_mail_address_with_a_nul_inside_is_nobodys() {
        let context = context();
        let email = b"a@mail.example\0b";
        // SAFETY: the context is live, and the bytes are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            if sys::X509_VERIFY_PARAM_set1_email(param, email.as_ptr().cast(), email.len()) == 1 {
                let found = emails(Param::new(param))
                    .and_then(|found| crate::host::Reference::parse_any_bytes(&[b"email:", found[0]].concat()));
                assert_eq!(found.unwrap_err().status(), Status::EBadHost);
            }
        }
    }

    #[test]
    fn parameters_without_names_have_none() {
        let context = context();
        // SAFETY: the context is live.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(hosts(Param::new(param)).unwrap().is_empty() && emails(Param::new(param)).unwrap().is_empty());
        }
    }

    #[cfg(ossl400)]
    #[test]
    fn names_whose_place_is_not_certain_are_refused_and_where_there_are_none_nothing_is() {
        assert!(kept::places().is_some());
        // SAFETY: the context is live, and the names are copied; no place is given.
        unsafe {
            for (set, octets) in [(true, &[1u8, 2, 3, 4][..]), (false, &[])] {
                let context = context();
                let param = ffi::SSL_CTX_get0_param(context.as_ptr());
                if set {
                    assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, c"a.example".as_ptr(), 0), 1);
                    assert_eq!(sys::X509_VERIFY_PARAM_set1_smtputf8(param, c"\xc3\xa4@a.example".as_ptr(), 0), 1);
                    assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, octets.as_ptr(), octets.len()), 1);
                }
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    let outcomes = [
                        kept::hosts_at(Param::new(param), None).map(|found| found.len()),
                        kept::emails_at(Param::new(param), None).map(|found| found.len()),
                        kept::addresses_at(Param::new(param), None).map(|found| found.len()),
                    ];
                    for outcome in outcomes {
                        match outcome {
                            Ok(count) => assert!(!set && count == 0),
                            Err(error) => assert!(set && error.status() == Status::EUnsupported, "{error}"),
                        }
                    }
                }
            }
        }
    }

    #[cfg(ossl400)]
    #[test]
    fn all_addresses_and_e_mail_addresses_of_the_parameters_are_read() {
        let context = context();
        // SAFETY: the context is live, and the names are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            Param::new(param).take_every_name();
            for octets in [&[192u8, 0, 2, 1][..], &[192, 0, 2, 2], &[1; 16]] {
                assert_eq!(sys::X509_VERIFY_PARAM_add1_ip(param, octets.as_ptr(), octets.len()), 1);
            }
            let international = "m\u{e4}@b.example";
            assert_eq!(sys::X509_VERIFY_PARAM_set1_email(param, c"a@b.example".as_ptr(), 0), 1);
            assert_eq!(sys::X509_VERIFY_PARAM_add1_rfc822(param, c"b@b.example".as_ptr(), 0), 1);
            let name = international.as_ptr().cast();
            assert_eq!(sys::X509_VERIFY_PARAM_set1_smtputf8(param, name, international.len()), 1);
            let connection = Ssl::new(&context).unwrap();
            let param = ffi::SSL_get0_param(connection.as_ptr());
            assert_eq!(addresses(Param::new(param)).unwrap().len(), 3);
            assert_eq!(
                emails(Param::new(param)).unwrap(),
                [&b"a@b.example"[..], b"b@b.example", international.as_bytes()]
            );
            assert_eq!(sys::X509_VERIFY_PARAM_add1_ip(param, [1; 5].as_ptr(), 5), 1);
            assert_eq!(addresses(Param::new(param)).unwrap_err().status(), Status::EBadHost);
        }
    }
}
