//! Owns how the add-on is linked; napi-rs knows that for each system.

fn main() {
    napi_build::setup();
}
