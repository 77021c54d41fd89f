//! tls-session: see README.
#![no_std]
