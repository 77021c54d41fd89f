//! Converts between the modem's types for networks and those of esp-radio.

use at_modem::wifi::{AccessPoint, Encryption, Join, JoinError, Ssid};
use esp_radio::wifi::sta::{ConnectedInfo, StationConfig};
use esp_radio::wifi::{
    AuthenticationMethod, AuthenticationMethodConfig, ConnectionError, DisconnectReason, Password,
    Protocol, Protocols, WifiError,
};

/// The network that was wanted, as it was found.
pub(crate) fn associated(wanted: AccessPoint, found: &ConnectedInfo) -> AccessPoint {
    AccessPoint {
        bssid: found.bssid,
        channel: found.channel,
        encryption: encryption(found.authmode),
        ..wanted
    }
}

pub(crate) fn bytes_of(ssid: &esp_radio::wifi::Ssid) -> Ssid {
    // esp-radio shows a name as text, up to the first byte that is none.
    Ssid::from_slice(ssid.as_str().as_bytes()).unwrap_or_default()
}

/// The settings of `AT+CWCONFIG` and `AT+CWSTAPROTO` for an association.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssociationSettings {
    /// Listen interval, in beacons.
    pub(crate) listen_interval: u16,
    /// Bits 1 for 802.11b, 2 for g, 4 for n.
    pub(crate) protocols: u8,
}

impl AssociationSettings {
    /// The defaults of esp-radio.
    pub(crate) const DEFAULT: Self = Self {
        listen_interval: 3,
        protocols: 7,
    };
}

/// Bits 1 for 802.11b, 2 for g, 4 for n.
pub(crate) fn protocols(bits: u8) -> Protocols {
    let protocols = [(1, Protocol::B), (2, Protocol::G), (4, Protocol::N)]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, protocol)| protocol)
        .collect();
    Protocols::default().with_2_4(protocols)
}

/// The network to join. The authentication is the weakest one accepted: with a passphrase an open
/// network is refused, whatever its name.
pub(crate) fn configuration(
    request: &Join<'_>,
    settings: AssociationSettings,
) -> Result<StationConfig, JoinError> {
    let ssid = request.ssid.try_into().map_err(|_| JoinError::NotFound)?;
    let authentication = if request.password.0.is_empty() {
        if request.secure_only {
            return Err(JoinError::NotFound);
        }
        AuthenticationMethodConfig::Open
    } else {
        let password: Password = request
            .password
            .0
            .try_into()
            .map_err(|_| JoinError::WrongPassword)?;
        match password.len() {
            // WEP keys have these lengths and no other.
            5 | 13 if !request.secure_only => AuthenticationMethodConfig::Wep(password),
            8.. => AuthenticationMethodConfig::Wpa(password),
            _ => return Err(JoinError::WrongPassword),
        }
    };
    let mut config = StationConfig::default()
        .with_ssid(ssid)
        .with_protocols(protocols(settings.protocols))
        .with_authentication(authentication)
        .with_listen_interval(settings.listen_interval);
    if let Some(bssid) = request.bssid {
        config = config.with_bssid(bssid);
    }
    Ok(config)
}

/// spec: at-commands B.3, `+CWJAP:<error code>`.
pub(crate) fn reason(error: &ConnectionError) -> JoinError {
    let info = match error {
        ConnectionError::Failed(info) => info,
        ConnectionError::WifiError(error) => return failure_of(*error),
        _ => return JoinError::Failed,
    };
    match info.reason {
        DisconnectReason::NoAccessPointFound
        | DisconnectReason::NoAccessPointFoundWithCompatibleSecurity
        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold
        | DisconnectReason::NoAccessPointFoundInRssiThreshold => JoinError::NotFound,
        // What a station receives if its passphrase is wrong.
        DisconnectReason::FourWayHandshakeTimeout
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::AuthenticationFailed
        | DisconnectReason::MicFailure => JoinError::WrongPassword,
        DisconnectReason::Timeout | DisconnectReason::AuthenticationExpired => JoinError::Timeout,
        _ => JoinError::Failed,
    }
}

pub(crate) fn failure_of(error: WifiError) -> JoinError {
    match error {
        WifiError::InvalidSsid => JoinError::NotFound,
        WifiError::InvalidPassword => JoinError::WrongPassword,
        _ => JoinError::Failed,
    }
}

pub(crate) fn encryption(method: AuthenticationMethod) -> Encryption {
    match method {
        AuthenticationMethod::None | AuthenticationMethod::Owe => Encryption::Open,
        AuthenticationMethod::Wep => Encryption::Wep,
        AuthenticationMethod::Wpa => Encryption::WpaPsk,
        AuthenticationMethod::Wpa2Personal => Encryption::Wpa2Psk,
        AuthenticationMethod::WpaWpa2Personal => Encryption::WpaWpa2Psk,
        AuthenticationMethod::Wpa3Personal => Encryption::Wpa3Psk,
        AuthenticationMethod::Wpa2Wpa3Personal => Encryption::Wpa2Wpa3Psk,
        // The others need a server or a method that is not supported.
        _ => Encryption::Wpa2Enterprise,
    }
}
