//! Small views, and the state they share.

#![allow(
    missing_docs,
    reason = "a property says what it is by its name and type"
)]

pub mod account_menu;
pub mod announcer;
pub mod asked;
pub mod avatar;
pub mod banners;
pub mod by_name;
pub mod call_actions;
pub mod call_card;
pub mod call_state;
pub mod calls;
pub mod card_head;
pub mod demo_accounts;
pub mod desk;
pub mod dial_pad;
pub mod header;
pub mod icons;
pub mod keypad_panel;
pub mod keys;
pub mod live;
pub mod pad_key;
pub mod people;
pub mod quick_dialer;
pub mod screen_pop;
pub mod shortcut_sheet;
pub mod shortcuts;
pub mod sign_in_fields;
pub mod sign_in_form;
pub mod sign_in_outcome;
pub mod status_light;
pub mod tab_bar;
pub mod talking_actions;
pub mod theme;
pub mod update_toast;
pub mod which_account;
pub mod words;
