//! Host side of espat: the simulated modem and the tools around it, as modules that tests can use.
//!
//! | module | what |
//! |---|---|
//! | `pki` | `espat pki`: certificate images |
//! | `verify` | `espat verify`: a chain, a CA, a verdict |
//! | `device` | whose rules a judgement follows |
//! | `explain` | `espat explain`: codes, numbers and lines in words |
//! | `sim` | `espat sim`: the modem engine over sockets, files and simulated access points |
//! | `transcript` | what goes over an AT port, as text to replay |
//! | `demo` | `espat demo`: the whole story on loopback |
//! | `at_host` | host end of an AT port: serial or TCP, commands, data |
//! | `push` | `espat push`: certificates into a module, over its AT port |
//! | `doctor` | `espat doctor`: which step of a failing set-up is wrong |
//! | `capture` | `--capture`: what was sent and received, for Wireshark |
//! | `flash_image` | `espat flash-image`: a whole flash as a file, and the map of one |
//! | `replay` | `espat replay`: a recording against the simulator or a module |
//! | `term` | `espat term`: a terminal for a modem |
//! | `hil` | `espat hil`: a board on this PC's ports, checked |
//! | `private_file` | files that only the user can read |
//! | `report` | exit statuses, `--json`, messages |

pub mod at_host;
pub mod capture;
pub mod demo;
mod device;
pub mod doctor;
pub mod explain;
pub mod flash_image;
pub mod hil;
pub mod pki;
mod private_file;
pub mod push;
pub mod replay;
pub mod report;
pub mod sim;
pub mod term;
pub mod transcript;
pub mod verify;

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
