//! A file per family: the enum of its commands, a struct per set form and per information line.
//!
//! Commands with a single parameter need no struct: any [`Field`](crate::args::Field) is its own
//! set form and its own information line.

pub mod basic;
pub mod flash;
pub mod mdns;
pub mod mfg;
pub mod module;
pub mod network;
pub mod options;
pub mod passthrough;
mod policy;
pub mod receive;
pub mod rollback;
pub mod server;
pub mod sntp;
pub mod softap;
pub mod ssl;
pub mod station;
pub mod tcpip;
pub mod trust;
pub mod wifi;
