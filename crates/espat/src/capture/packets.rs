//! Conversations as packets, packets as blocks of pcapng.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use etherparse::PacketBuilder;
use pcap_parser::pcapng::{
    DecryptionSecretsBlock, EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode,
    PcapNGOption, SecretsType, SectionHeaderBlock,
};
use pcap_parser::{Linktype, ToVec};
use zeroize::Zeroizing;

use super::{Conversation, What};

/// The packet begins with the IP header.
const LINK_TYPE_RAW: i32 = 101;
/// What a segment carries on Ethernet, so that its numbers look familiar.
const SEGMENT_MAX: usize = 1460;
const WINDOW: u16 = 65535;
const HOPS: u8 = 64;
/// First sequence numbers: any would do, these are easy to read.
const FIRST_OF_LOCAL: u32 = 1000;
const FIRST_OF_PEER: u32 = 5000;

const COMMENT: &str = "Sockets of espat: payload and times are real, IP and TCP headers are made up. \
    Holds the secrets of these TLS sessions.";

/// One packet.
struct Packet {
    at: SystemTime,
    bytes: Vec<u8>,
}

/// Flags of a segment, as far as they are used here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    Syn,
    Ack,
    Data,
    Fin,
}

/// One side's view of the sequence numbers.
struct Wire<'c> {
    conversation: &'c Conversation,
    /// Next byte of this end, and of the other.
    local: u32,
    peer: u32,
    packets: Vec<Packet>,
}

impl Wire<'_> {
    fn put(
        &mut self,
        at: SystemTime,
        from_local: bool,
        flags: Flags,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let (local, peer) = (self.conversation.local, self.conversation.peer);
        let (from, to) = if from_local {
            (local, peer)
        } else {
            (peer, local)
        };
        let (sequence, acknowledged) = if from_local {
            (self.local, self.peer)
        } else {
            (self.peer, self.local)
        };
        let ip = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                PacketBuilder::ipv4(from.octets(), to.octets(), HOPS)
            }
            (from, to) => PacketBuilder::ipv6(six(from), six(to), HOPS),
        };
        let segment = ip.tcp(from.port(), to.port(), sequence, WINDOW);
        let segment = match flags {
            // Only the first packet acknowledges nothing.
            Flags::Syn if from_local => segment.syn(),
            Flags::Syn => segment.syn().ack(acknowledged),
            Flags::Ack => segment.ack(acknowledged),
            Flags::Data => segment.psh().ack(acknowledged),
            Flags::Fin => segment.fin().ack(acknowledged),
        };
        let mut bytes = Vec::with_capacity(segment.size(payload.len()));
        segment.write(&mut bytes, payload).context("a packet")?;
        self.packets.push(Packet { at, bytes });
        let counted = usize::from(matches!(flags, Flags::Syn | Flags::Fin));
        let length = u32::try_from(payload.len().saturating_add(counted)).unwrap_or(0);
        let next = if from_local {
            &mut self.local
        } else {
            &mut self.peer
        };
        *next = next.wrapping_add(length);
        Ok(())
    }

    fn event(&mut self, at: SystemTime, what: &What) -> anyhow::Result<()> {
        match what {
            What::Opened => {
                self.put(at, true, Flags::Syn, &[])?;
                self.put(at, false, Flags::Syn, &[])?;
                self.put(at, true, Flags::Ack, &[])
            }
            What::Sent(bytes) => self.data(at, true, bytes),
            What::Received(bytes) => self.data(at, false, bytes),
            What::Closed => {
                self.put(at, true, Flags::Fin, &[])?;
                self.put(at, false, Flags::Fin, &[])?;
                self.put(at, true, Flags::Ack, &[])
            }
        }
    }

    fn data(&mut self, at: SystemTime, from_local: bool, bytes: &[u8]) -> anyhow::Result<()> {
        for piece in bytes.chunks(SEGMENT_MAX) {
            self.put(at, from_local, Flags::Data, piece)?;
            self.put(at, !from_local, Flags::Ack, &[])?;
        }
        Ok(())
    }
}

fn six(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The whole file.
pub(super) fn file(
    conversations: &[Conversation],
    secrets: &str,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut packets = Vec::new();
    for conversation in conversations {
        let mut wire = Wire {
            conversation,
            local: FIRST_OF_LOCAL,
            peer: FIRST_OF_PEER,
            packets: Vec::new(),
        };
        for event in &conversation.events {
            wire.event(event.at, &event.what)?;
        }
        packets.extend(wire.packets);
    }
    // Stable: packets of the same instant stay in their order.
    packets.sort_by_key(|packet| packet.at);
    let mut out = Zeroizing::new(header()?);
    if !secrets.is_empty() {
        // Before the packets that it decrypts (draft-ietf-opsawg-pcapng-03 §4.7).
        out.extend_from_slice(&Zeroizing::new(secrets_block(secrets)?));
    }
    for packet in &packets {
        out.extend(packet_block(packet)?);
    }
    Ok(out)
}

/// A block with its lengths filled in; the writer does not say what is wrong.
fn block(mut block: impl ToVec) -> anyhow::Result<Vec<u8>> {
    block
        .to_vec()
        .map_err(|_| anyhow::anyhow!("a block of the capture cannot be written"))
}

fn header() -> anyhow::Result<Vec<u8>> {
    let comment = PcapNGOption {
        code: OptionCode::Comment,
        len: u16::try_from(COMMENT.len())?,
        value: Cow::Borrowed(COMMENT.as_bytes()),
    };
    let mut out = block(SectionHeaderBlock {
        block_type: 0,
        block_len1: 0,
        bom: 0,
        major_version: 0,
        minor_version: 0,
        // Not stated.
        section_len: -1,
        options: vec![comment],
        block_len2: 0,
    })?;
    out.extend(block(InterfaceDescriptionBlock {
        block_type: 0,
        block_len1: 0,
        linktype: Linktype(LINK_TYPE_RAW),
        reserved: 0,
        // No limit.
        snaplen: 0,
        options: Vec::new(),
        block_len2: 0,
        // Microseconds.
        if_tsresol: 6,
        if_tsoffset: 0,
    })?);
    Ok(out)
}

fn secrets_block(secrets: &str) -> anyhow::Result<Vec<u8>> {
    block(DecryptionSecretsBlock {
        block_type: 0,
        block_len1: 0,
        secrets_type: SecretsType::TlsKeyLog,
        secrets_len: u32::try_from(secrets.len())?,
        data: secrets.as_bytes(),
        options: Vec::new(),
        block_len2: 0,
    })
}

fn packet_block(packet: &Packet) -> anyhow::Result<Vec<u8>> {
    let since = packet
        .at
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let microseconds = u64::try_from(since.as_micros())?;
    let length = u32::try_from(packet.bytes.len())?;
    block(EnhancedPacketBlock {
        block_type: 0,
        block_len1: 0,
        if_id: 0,
        ts_high: u32::try_from(microseconds >> 32)?,
        ts_low: u32::try_from(microseconds & u64::from(u32::MAX))?,
        caplen: length,
        origlen: length,
        data: &packet.bytes,
        options: Vec::new(),
        block_len2: 0,
    })
}
