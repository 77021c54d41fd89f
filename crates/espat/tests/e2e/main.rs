//! The simulator as a user meets it: the program, real flash files, servers of Debian's:
//! `openssl s_server`, `gnutls-serv`, `mosquitto`, `chronyd`.
//!
//! Nothing here reaches into the crates; what the modem must say is compared byte for byte.
//!
//! | module | claims |
//! |---|---|
//! | `story` | from an erased flash to a verified session, with every server key there is |
//! | `refusals` | each way a session is refused has its own reason |
//! | `peers` | servers with other tastes |
//! | `console` | a server with a person at its console: protocols, much data, new keys |
//! | `matrix` | every version, suite, group and server key, with and without certificates of ours |
//! | `links` | five TLS links at once, and no more than there is memory for |
//! | `gnutls` | a server that is not of OpenSSL's making |
//! | `resumption` | servers that are met again, and what makes them prove themselves anew |
//! | `mqtt` | a broker, spoken to in its own protocol |
//! | `server` | clients of the modem's own server: who is let in, and what the others are told |
//! | `identity` | servers that want to know who we are: certificates of ours |
//! | `psk` | servers that know us by a key in common |
//! | `trust` | what would be checked, what a server shows, what the flash holds |
//! | `one_judge` | the tools and the modem say the same of the same input |
//! | `reports` | public reports that need a modem and a server |
//! | `uploads` | each mistake of an upload has one code and one sentence on all surfaces |
//! | `newcomer` | what goes wrong on the first day, and what the port says of it |
//! | `mistakes` | what goes wrong with files and command lines, and what the tools say of it |
//! | `public_reports` | what people report of other firmware, and what is said of it here |
//! | `bad_input` | nothing a host sends, or stops sending, harms the modem |
//! | `doctor` | which step of a set-up is wrong |
//! | `capture` | what a capture holds, as Wireshark reads it |
//! | `flash_files` | flash images that cannot be used are refused in one line |
//! | `restart` | what outlives the power |
//! | `ci_bench` | the example for a CI with pytest passes |
//! | `ports` | pseudo-terminal and standard input |
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod bad_input;
mod capture;
mod ci_bench;
mod console;
mod doctor;
mod flash_files;
mod gnutls;
mod identity;
mod links;
mod matrix;
mod mistakes;
mod mqtt;
mod newcomer;
mod one_judge;
mod peers;
mod ports;
mod psk;
mod public_reports;
mod refusals;
mod reports;
mod restart;
mod resumption;
mod resumption_peers;
mod server;
mod story;
mod support;
mod trust;
mod uploads;
