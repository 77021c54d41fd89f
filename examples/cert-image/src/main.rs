//! `cert-bin` on a slice: what a certificate partition of ESP-AT holds, and what a module makes of it.
//!
//! ```text
//! cert-image           an image made here: one CA and one certificate that is damaged
//! cert-image FILE      yours: a partition read from a module, or an image of Espressif's tool
//! ```

use std::error::Error;

use cert_bin::Image;
use cert_bin::content::{MAX_DECODED, decode_certificates, objects};
use cert_bin::lint::{Context, check_image};

mod sample;

fn main() -> Result<(), Box<dyn Error>> {
    let partition = match std::env::args().nth(1) {
        Some(file) => std::fs::read(file)?,
        None => sample::partition()?,
    };
    let image = Image::parse(&partition)?;
    let mut buffer = vec![0; MAX_DECODED];
    for item in image.items() {
        println!(
            "{} {}: {} bytes",
            item.kind.name(),
            item.id,
            item.content.len()
        );
        for object in objects(item.content).flatten() {
            println!("  {:?} at {:?}", object.kind, object.range);
        }
        match decode_certificates::<8>(item.content, &mut buffer) {
            Ok(found) => println!("  certificates: {}", found.der.len()),
            Err(error) => println!("  no certificate: {error}"),
        }
    }
    let mut print = |finding| println!("{finding}");
    let tally = check_image(&image, &Context::default(), &mut buffer, &mut print)?;
    println!("verdict: {}", tally.recommendation().code());
    Ok(())
}
