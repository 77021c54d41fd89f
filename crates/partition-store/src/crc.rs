//! The checksum that ESP-IDF has in NVS and in OTA data.

use crc::{Algorithm, Crc, Table};

/// CRC-32 of zlib, but from 0: what the ROM of the chips computes when it is given 0xFFFFFFFF to start with.
///
/// With a table of 1 KiB: each search in NVS computes one for every item that it passes, and without the table that is
/// most of its work.
pub(crate) static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0xffff_ffff,
    check: 0xd202_d277,
    residue: 0xdebb_20e3,
});
