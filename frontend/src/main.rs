//! Mounts the app.

fn main() {
    sidetone_app::mount();
}
