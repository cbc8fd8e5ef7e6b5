//! Who books what and who writes to whom. Everything follows from the seed and a row's number,
//! so that no row has to be remembered to write another one that refers to it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DemoSpec;

/// What a random stream is for; rows of different kinds never share one.
#[derive(Clone, Copy)]
pub enum Stream {
    User = 1,
    Property,
    Booking,
    BookingPeople,
    Thread,
    Unbooked,
    Orphan,
    Image,
}

/// The demo world of one seed and size. Ids begin at 1: first the hosts, then the guests, then the admin.
#[derive(Debug, Clone, Copy)]
pub struct World {
    seed: u64,
    /// How many users let properties.
    pub hosts: u64,
    /// How many users only travel.
    pub guests: u64,
    /// How many properties there are.
    pub properties: u64,
    /// How many bookings there are.
    pub bookings: u64,
}

/// Property, guest and host of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct People {
    /// The property booked.
    pub property: u64,
    /// Who travels.
    pub guest: u64,
    /// Whose property it is.
    pub host: u64,
}

/// One legacy message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The booking it is about.
    pub booking: Option<u64>,
    /// The property written on it; for a message of a booking it may be missing.
    pub property: Option<u64>,
    /// Who wrote it.
    pub sender: u64,
    /// To whom.
    pub recipient: u64,
    /// Its text.
    pub text: String,
    /// Whether the recipient has read it.
    pub read: bool,
    /// Working minutes since the beginning of 2023.
    pub minute: u64,
}

impl World {
    /// Sizes follow the bookings: a property has about twelve, a guest about three.
    pub fn new(spec: &DemoSpec) -> World {
        let properties = (spec.bookings / 12).max(4);
        World {
            seed: spec.seed,
            hosts: (properties / 2).max(2),
            guests: (spec.bookings / 3).max(8),
            properties,
            bookings: spec.bookings,
        }
    }

    /// All users: hosts, guests and one admin.
    pub fn users(&self) -> u64 {
        self.hosts + self.guests + 1
    }

    /// The random numbers of one row.
    pub fn rng(&self, stream: Stream, row: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((stream as u64) << 56 | row);
        rng
    }

    /// Whose property it is. The first properties go round so that every host has one.
    pub fn host_of(&self, property: u64) -> u64 {
        1 + (property - 1) % self.hosts
    }

    /// Who is involved in a booking. One in ten repeats an earlier stay of the same guest at the
    /// same property; one in 250, and the fourth, is of a host at their own property.
    pub fn people(&self, booking: u64) -> People {
        let source = if booking.is_multiple_of(10) {
            booking - 3
        } else {
            booking
        };
        let mut rng = self.rng(Stream::BookingPeople, source);
        let property = rng.random_range(1..=self.properties);
        let host = self.host_of(property);
        let guest = if rng.random_ratio(1, 250) || source == 4 {
            host
        } else {
            self.hosts + rng.random_range(1..=self.guests)
        };
        People {
            property,
            guest,
            host,
        }
    }

    /// When a booking was made, in working minutes since the beginning of 2023: in order of its number.
    pub fn booked_at(&self, booking: u64) -> u64 {
        // Three years of 720-minute days, evenly spread.
        booking * 3 * 365 * 720 / (self.bookings + 1)
    }

    /// Every legacy message: those of bookings, then questions without a booking, then the lost ones.
    pub fn messages(self) -> impl Iterator<Item = Message> {
        let booked = (1..=self.bookings).flat_map(move |booking| self.booking_messages(booking));
        let unbooked =
            (1..=(self.bookings / 10).max(3)).flat_map(move |thread| self.unbooked_messages(thread));
        let lost = (1..=(self.bookings / 200).clamp(3, 60)).map(move |number| self.lost_message(number));
        booked.chain(unbooked).chain(lost)
    }

    /// Three in ten bookings are talked about. In one conversation in five all messages bear the same time;
    /// in one in four the property is not written on the messages.
    fn booking_messages(&self, booking: u64) -> Vec<Message> {
        let mut rng = self.rng(Stream::Thread, booking);
        if booking > 8 && !rng.random_ratio(3, 10) {
            return Vec::new();
        }
        let people = self.people(booking);
        let property = (!rng.random_ratio(1, 4)).then_some(people.property);
        let start = self.booked_at(booking);
        self.thread(
            &mut rng,
            Some(booking),
            property,
            (people.guest, people.host),
            start,
        )
    }

    /// Questions before any booking, in both directions.
    fn unbooked_messages(&self, thread: u64) -> Vec<Message> {
        let mut rng = self.rng(Stream::Unbooked, thread);
        let property = rng.random_range(1..=self.properties);
        let guest = self.hosts + rng.random_range(1..=self.guests);
        let start = rng.random_range(0..3 * 365 * 720);
        self.thread(
            &mut rng,
            None,
            Some(property),
            (guest, self.host_of(property)),
            start,
        )
    }

    /// A message that belongs nowhere any more: neither booking nor property is known.
    fn lost_message(&self, number: u64) -> Message {
        let mut rng = self.rng(Stream::Orphan, number);
        Message {
            booking: None,
            property: None,
            sender: self.hosts + rng.random_range(1..=self.guests),
            recipient: rng.random_range(1..=self.hosts),
            text: super::text::message(&mut rng),
            read: rng.random(),
            minute: rng.random_range(0..3 * 365 * 720),
        }
    }

    /// One to six messages to and fro, never fewer than two without a booking.
    fn thread(
        &self,
        rng: &mut ChaCha8Rng,
        booking: Option<u64>,
        property: Option<u64>,
        (first, second): (u64, u64),
        start: u64,
    ) -> Vec<Message> {
        let count = rng.random_range(if booking.is_some() { 1..=6 } else { 2..=5 });
        let tie = rng.random_ratio(1, 5);
        let read = rng.random_range(0..=count);
        let mut minute = start;
        (0..count)
            .map(|number| {
                if !tie {
                    minute += rng.random_range(0..90);
                }
                let (sender, recipient) = if number % 2 == 0 {
                    (first, second)
                } else {
                    (second, first)
                };
                Message {
                    booking,
                    property,
                    sender,
                    recipient,
                    text: super::text::message(rng),
                    read: number < read,
                    minute,
                }
            })
            .collect()
    }
}
