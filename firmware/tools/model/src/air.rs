//! What is in the air besides the two networks that are always there: another model, at the other end of a
//! socket for datagrams.
//!
//! ```text
//! station ── Probe ─▶ access point ── Beacon ─▶ station
//! station ── Join ──▶ access point ── Joined, Refused ─▶ station
//! station ◀── Frame, Left ──▶ access point
//! ```
//!
//! A datagram is the number of its kind, then the fields. Neither program ever sees one.

/// Numbers of `wifi_auth_mode_t`.
pub(crate) const OPEN: u32 = 0;
pub(crate) const WPA2: u32 = 3;

/// Numbers of `wifi_err_reason_t`.
pub(crate) const TOO_MANY: u8 = 5;
pub(crate) const LEFT: u8 = 8;
pub(crate) const HANDSHAKE_TIMEOUT: u8 = 15;
pub(crate) const BEACON_TIMEOUT: u8 = 200;
pub(crate) const NOT_FOUND: u8 = 201;

/// Whose frame it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Station,
    AccessPoint,
}

/// An access point as a station finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) name: Vec<u8>,
    pub(crate) method: u32,
    pub(crate) bssid: [u8; 6],
    pub(crate) channel: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// Who is there?
    Probe,
    /// `None`: nobody, or one that hides.
    Beacon(Option<Network>),
    Join {
        mac: [u8; 6],
        name: Vec<u8>,
        passphrase: Vec<u8>,
    },
    Joined(Network),
    Refused(u8),
    /// A station leaves, or is sent away; all, if it is a group's address.
    Left {
        from: From,
        mac: [u8; 6],
        reason: u8,
    },
    /// Ethernet.
    Frame {
        from: From,
        frame: Vec<u8>,
    },
}

impl Message {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Probe => vec![0],
            Self::Beacon(None) => vec![1],
            Self::Beacon(Some(network)) => [&[1][..], &network.encode()].concat(),
            Self::Join {
                mac,
                name,
                passphrase,
            } => [&[2][..], mac, &[name.len() as u8], name, passphrase].concat(),
            Self::Joined(network) => [&[3][..], &network.encode()].concat(),
            Self::Refused(reason) => vec![4, *reason],
            Self::Left { from, mac, reason } => [&[5, *from as u8][..], mac, &[*reason]].concat(),
            Self::Frame { from, frame } => [&[6, *from as u8][..], frame].concat(),
        }
    }

    /// `None` for what is none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        Some(match kind {
            0 => Self::Probe,
            1 if rest.is_empty() => Self::Beacon(None),
            1 => Self::Beacon(Some(Network::decode(rest)?)),
            2 => {
                let (mac, rest) = rest.split_first_chunk()?;
                let (len, rest) = rest.split_first()?;
                let (name, passphrase) = rest.split_at_checked(usize::from(*len))?;
                Self::Join {
                    mac: *mac,
                    name: name.to_vec(),
                    passphrase: passphrase.to_vec(),
                }
            }
            3 => Self::Joined(Network::decode(rest)?),
            4 => Self::Refused(*rest.first()?),
            5 => {
                let (from, rest) = From::decode(rest)?;
                let (mac, rest) = rest.split_first_chunk()?;
                Self::Left {
                    from,
                    mac: *mac,
                    reason: *rest.first()?,
                }
            }
            6 => {
                let (from, frame) = From::decode(rest)?;
                Self::Frame {
                    from,
                    frame: frame.to_vec(),
                }
            }
            _ => return None,
        })
    }
}

impl From {
    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match bytes.split_first()? {
            (0, rest) => Some((Self::Station, rest)),
            (1, rest) => Some((Self::AccessPoint, rest)),
            _ => None,
        }
    }
}

impl Network {
    fn encode(&self) -> Vec<u8> {
        let [method, ..] = self.method.to_le_bytes();
        [&self.bssid[..], &[self.channel, method], &self.name].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (bssid, rest) = bytes.split_first_chunk()?;
        let ([channel, method], name) = rest.split_first_chunk()?;
        Some(Self {
            name: name.to_vec(),
            method: u32::from(*method),
            bssid: *bssid,
            channel: *channel,
        })
    }
}

/// Whether a station gets in with its passphrase, or the reason that it sees.
pub(crate) fn verdict(method: u32, expected: &[u8], passphrase: &[u8]) -> Result<(), u8> {
    match (method, passphrase) {
        (OPEN, []) => Ok(()),
        // One that is less safe, or safer, than what is asked for is not looked at.
        (OPEN, _) | (_, []) => Err(NOT_FOUND),
        _ if passphrase == expected => Ok(()),
        _ => Err(HANDSHAKE_TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let network = Network {
            name: b"ours".to_vec(),
            method: WPA2,
            bssid: [6, 5, 4, 3, 2, 1],
            channel: 11,
        };
        let mac = [2, 0, 0, 0, 0, 1];
        let all = [
            Message::Probe,
            Message::Beacon(None),
            Message::Beacon(Some(network.clone())),
            Message::Join {
                mac,
                name: b"ours".to_vec(),
                passphrase: b"12345678".to_vec(),
            },
            Message::Joined(network),
            Message::Refused(TOO_MANY),
            Message::Left {
                from: From::AccessPoint,
                mac,
                reason: LEFT,
            },
            Message::Frame {
                from: From::Station,
                frame: vec![1, 2, 3],
            },
        ];
        for message in all {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Some(message));
            for cut in 0..bytes.len() {
                let _ = Message::decode(&bytes[..cut]);
            }
        }
    }

    #[test]
    fn a_passphrase_is_for_a_network_that_has_one() {
        assert_eq!(verdict(OPEN, b"", b""), Ok(()));
        assert_eq!(verdict(OPEN, b"", b"12345678"), Err(NOT_FOUND));
        assert_eq!(verdict(WPA2, b"12345678", b""), Err(NOT_FOUND));
        assert_eq!(verdict(WPA2, b"12345678", b"12345678"), Ok(()));
        assert_eq!(
            verdict(WPA2, b"12345678", b"12345679"),
            Err(HANDSHAKE_TIMEOUT)
        );
    }
}
