//! cert-bin: see README.
#![no_std]
