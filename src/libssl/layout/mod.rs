//! What OpenSSL keeps and has no getter for. Each is read at a place that scratch objects have proved in this process, and
//! never written. Where the proof fails the answer is the strictest safe one.
//!
//! | what | why | the proof | where it fails | what would end it |
//! | --- | --- | --- | --- | --- |
//! | certificate verify callback of an `SSL_CTX` ([`CertVerify`]) | a program's own is called after ours, and an audit tells it from ours | appears when set and is gone when taken away, at one place on two contexts | "unknown": hardening refuses, unless the program says "+replace" | `SSL_CTX_get_cert_verify_callback` |
//! | session id context of an `SSL` and of an `SSL_CTX` | the program's is folded into ours on servers | two probes appear at one place on each | no session is resumed where a digest of ours would stand | `SSL_get0_session_id_context`, and one for contexts |
//! | lookups of an `X509_STORE` ([`lookup_count`]) | a call that loads roots and fails has named roots all the same, and leaves no other trace | the words on both sides are what OpenSSL's getters say, and a lookup that is hung on appears between them | handshakes on a program's context that trusts by no call of ours are refused | `X509_STORE_get0_lookups` |
//! | purpose, trust and policies of an `X509_VERIFY_PARAM` ([`Asked`]) | a verification of ours asks for what the program's would | each setter changes one number or word, from nothing to what was set | "unknown": the chain is refused | getters for the three in every version |
//! | address in an `X509_VERIFY_PARAM`, before 4.0 ([`names`]) | it spares an entry of the error queue where there is none | the setter changes two words, from NULL to a copy and to its length | OpenSSL is asked, which leaves the entry | `X509_VERIFY_PARAM_get1_ip_asc` without an error for none |
//! | length of an e-mail address in an `X509_VERIFY_PARAM`, before 4.0 ([`names`]) | one with a NUL inside would match by its first part | as for the address | one that is there is refused | a getter that gives the length |
//! | names in an `X509_VERIFY_PARAM`, since 4.0 ([`names`]) | copies of parameters lack the NUL that the getters promise | each setter changes one word, from NULL to a list with the name in it | names that are there are refused | getters that give the length |
//! | whether DANE is on for an `SSL` of a server | each handshake wants to know several times, and OpenSSL tells it by an error | a word of the state that is 0 is filled when DANE is switched on, the same one on two connections | OpenSSL is asked each time | a getter that leaves no error |
//! | signed part of an `X509` (`SignedPart`) | the rules read it, and to encode the whole certificate costs more than they all | libcrypto's own description of the type says where it lies | the whole certificate is encoded | a getter for the bytes of the TBSCertificate that changes nothing |

mod asked;
mod cert_verify;
mod dane;
mod id_context;
mod lookups;
pub mod names;
mod signed_part;

pub use asked::{Asked, Policies};
pub use cert_verify::{CertVerify, Found, cert_verify_callback};
pub use lookups::lookup_count;
pub(crate) use signed_part::SignedPart;
