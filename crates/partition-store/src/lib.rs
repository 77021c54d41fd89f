//! partition-store: see README.
#![no_std]
