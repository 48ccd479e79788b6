//! Owns the command line; must not know what the program does with it.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};

const USAGE: &str = "usage: tokio-service [--forget-handlers] PEER";

pub(crate) struct Arguments {
    pub(crate) peer: SocketAddr,
    pub(crate) forget_handlers: bool,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut peer = None;
        let mut forget_handlers = false;
        for argument in arguments {
            let argument = argument.to_string_lossy();
            match &*argument {
                "--forget-handlers" => forget_handlers = true,
                option if option.starts_with('-') => bail!("there is no option {option}\n{USAGE}"),
                address => {
                    ensure!(peer.is_none(), "there is one peer only\n{USAGE}");
                    let address = address.parse().with_context(|| format!("{address} is no address\n{USAGE}"))?;
                    peer = Some(address);
                }
            }
        }
        Ok(Self { peer: peer.with_context(|| format!("there is no peer\n{USAGE}"))?, forget_handlers })
    }
}
