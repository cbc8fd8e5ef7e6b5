//! The words of the demo data.
//!
//! Each list is one text. A crate of names brings thousands of pointers to them, which the loader
//! writes into memory whenever dbtool starts, whatever it is asked to do: 0.1 MB in each run.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Words separated by `|`.
#[derive(Clone, Copy)]
pub struct Words(&'static str);

impl Words {
    /// One of them.
    pub fn any(self, rng: &mut ChaCha8Rng) -> &'static str {
        let count = self.0.split('|').count();
        let one = self.0.split('|').nth(rng.random_range(0..count));
        one.unwrap_or_default()
    }
}

/// Given names and family names of one language.
#[derive(Clone, Copy)]
pub struct Names {
    /// Given names.
    pub first: Words,
    /// Family names.
    pub last: Words,
}

pub const ENGLISH: Names = Names {
    first: Words(
        "Ada|Aidan|Alice|Amelia|Andrew|Anna|Arthur|Beatrice|Ben|Bridget|Caleb|Charlotte|Clara|Connor|Daisy|Daniel|\
         David|Edith|Edward|Eleanor|Eliza|Emma|Ethan|Evelyn|Felix|Finn|Fiona|Frances|Gareth|George|Grace|Hannah|\
         Harriet|Harry|Hugo|Imogen|Iris|Isaac|Isla|Jack|James|Jane|Jasmine|Joel|Joseph|Joy|Katherine|Kit|Laura|Leah|\
         Leo|Liam|Lily|Louis|Lucy|Mabel|Margaret|Mark|Martha|Mary-Jane|Matilda|Maya|Miles|Mina|Nadia|Nathan|Nell|Noah|\
         Nora|Oliver|Olivia|Oscar|Owen|Patrick|Paul|Penelope|Peter|Phoebe|Priya|Quentin|Rachel|Ralph|Rebecca|Reuben|\
         Rhys|Robin|Rosa|Rory|Ruby|Ruth|Sam|Sarah|Simon|Sophie|Stella|Tara|Theo|Thomas|Tess|Tristan|Una|Victor|\
         Violet|Walter|Wendy|William|Winifred|Xavier|Yasmin|Zachary|Zoe",
    ),
    last: Words(
        "Abbott|Adams|Allen|Archer|Ashworth|Bailey|Barker|Bell|Bennett|Bishop|Black|Booth|Bradley|Brooks|Brown|\
         Burton|Butler|Campbell|Carter|Chapman|Clarke|Cole|Cooper|Cox|Crawford|Cross|D'Arcy|Dawson|Dean|Dixon|Douglas|\
         Ellis|Evans|Farrell|Fisher|Fleming|Fletcher|Foster|Fox|Gardner|Gibson|Gill|Gordon|Graham|Grant|Gray|Green|\
         Hall|Harding|Harper|Hart|Hayes|Hill|Holmes|Hughes|Hunt|Jenkins|Jones|Kelly|Kennedy|Khan|King|Knight|Lambert|\
         Lane|Lawson|Lloyd|Marsh|Mason|Miller|Mills|Moore|Morgan|Murphy|Nash|Newman|Nolan|O'Brien|O'Connor|O'Neill|\
         Osborne|Owens|Palmer|Parker|Patel|Pearce|Perry|Porter|Price|Quinn|Reed|Reid|Reynolds|Rose|Russell|Ryan|Sharp|\
         Shaw|Singh|Smith-Lee|Spencer|Stewart|Stone|Sutton|Taylor|Turner|Walsh|Ward|Watts|Webb|West|White|Wood|Wright|\
         Young",
    ),
};

pub const FRENCH: Names = Names {
    first: Words(
        "Adèle|Aimée|Anaïs|Benoît|Chloé|Clément|Édouard|Éloïse|Françoise|Gaëlle|Geneviève|Gérard|Hélène|Inès|Jérôme|\
         Jean-Luc|Joël|Léa|Loïc|Maëlys|Margaux|Mathéo|Noémie|Océane|Pénélope|Raphaël|Rémi|Théo|Valérie|Zoé",
    ),
    last: Words(
        "Bélanger|Blanchet|Boyer|Chevalier|Côté|D'Aubigné|Delacroix|Dubois|Dupré|Fabre|Faure|Gérard|Lécuyer|Lefèvre|\
         Le Goff|L'Hermite|Maréchal|Mercier|Noël|Perrault|Picard|Poirier|Rivière|Roussel|Vallée|Vasseur",
    ),
};

pub const GERMAN: Names = Names {
    first: Words(
        "Anke|Änne|Björn|Bärbel|Dörte|Emil|Friedrich|Gisela|Günther|Hannelore|Heiner|Ingeborg|Jörg|Jürgen|Käthe|Liesel|\
         Lothar|Mareike|Matthäus|Nils|Øyvind|Renate|Rüdiger|Sören|Sönke|Uwe|Walburga|Wiebke",
    ),
    last: Words(
        "Bäcker|Baumgärtner|Böhm|Dürr|Fährmann|Förster|Grüner|Groß|Hänsel|Jäger|Köhler|König|Krüger|Löwe|Müller|Öztürk|\
         Preuß|Rößler|Schäfer|Schönfeld|Stößel|Süß|Vögel|von der Heide|Weiß|Zöllner",
    ),
};

pub const PORTUGUESE: Names = Names {
    first: Words(
        "Abigail|Antônio|Beatriz|Cauã|César|Conceição|Eloá|Fabrício|Inácio|Iracema|João|Joaquim|Lívia|Lúcia|Marília|\
         Murilo|Nathália|Otávio|Patrícia|Sofia|Tainá|Valentina|Vítor",
    ),
    last: Words(
        "Albuquerque|Araújo|Barbosa|Brandão|Carvalho|Conceição|da Silva|dos Santos|Fernandes|Galvão|Gonçalves|Guimarães|\
         Magalhães|Moraes|Nóbrega|Queiroz|Simões|Vasconcelos|Xavier",
    ),
};

pub const JAPANESE: Names = Names {
    first: Words("愛|葵|陽菜|大輔|翔太|健一|恵子|直樹|さくら|美咲|蓮|結衣|悠真|裕子|優子|一郎"),
    last: Words(
        "青木|石川|伊藤|岡田|加藤|木村|小林|斎藤|佐々木|佐藤|鈴木|高橋|田中|中村|林|松本|山口|山田|渡辺",
    ),
};

pub const CITIES: Words = Words(
    "Alderport|Ashford Bay|Bellmere|Birchhaven|Bramblewick|Castle Dunmore|Cedar Falls|Clearwater|Cobblestead|Dry Creek|\
     Eastbourne Hill|Elmsworth|Fairhaven|Fallowfield|Foxbridge|Glen Harbour|Greenhollow|Hartwell|Kingsmere|Lake Ida|\
     Larkspur|Long Meadow|Maplewood|Marrow Point|Mill Cross|New Avalon|North Quay|Oakhurst|Old Saltern|Port Emmett|\
     Queen's Landing|Ravenscar|Redwater|Saint-Aubin|Silverton|South Haven|Stonebridge|Thornbury|Upper Wick|\
     Whitby-on-Sea|Willow Bend|Wolf's Den",
);

pub const STREETS: Words = Words(
    "Acorn|Beech|Bishop's|Canal|Chapel|Cherry|Church|Cooper's|Elm|Farrier|Garden|Harbour|High|Hawthorn|Hollow|Ivy|King's|\
     Lantern|Linden|Market|Meadow|Mill|Mulberry|Oak|Orchard|Park|Pilgrim|Poplar|Quarry|River|Rose|School|Spring|Station|\
     Tanner's|Victoria|Vine|Water|Willow|Windmill",
);

pub const STREET_KINDS: Words = Words(
    "Alley|Avenue|Close|Court|Crescent|Drive|Gardens|Grove|Hill|Lane|Mews|Place|Road|Row|Square|Street|Terrace|Way",
);

pub const WORDS: Words = Words(
    "airy|ancient|balcony|bright|calm|central|charming|clean|cosy|courtyard|cottage|fireplace|fresh|garden|generous|\
     hidden|high|historic|kitchen|large|late|light|little|modern|morning|near|new|old|open|orchard|peaceful|pine|private|\
     quiet|red|river|roof|rustic|sea|shaded|simple|slow|small|snug|soft|sunny|tall|terrace|tidy|tiny|top|view|walk|warm|\
     white|wide|wild|window|winter|wooden",
);

pub const SPOKEN: Words = Words(
    "we|you|they|the|a|our|your|my|this|that|is|are|was|can|could|would|will|have|need|arrive|leave|stay|bring|find|park|\
     sleep|pay|book|ask|meet|key|door|house|flat|room|bed|car|dog|child|guest|host|train|ferry|airport|station|evening|\
     morning|night|week|Monday|Friday|early|late|quiet|warm|free|full|with|without|near|before|after|about|until|please|\
     thanks|also|maybe|never|always",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_empty_or_has_spaces_around_it() {
        let names = [ENGLISH, FRENCH, GERMAN, PORTUGUESE, JAPANESE];
        let names = names.into_iter().flat_map(|names| [names.first, names.last]);
        for list in names.chain([CITIES, STREETS, STREET_KINDS, WORDS, SPOKEN]) {
            for word in list.0.split('|') {
                assert!(!word.is_empty() && word == word.trim(), "{word:?}");
            }
        }
    }
}
