#pragma once
// The rules of the tales, in the notation of train/data/grammar.h. tests/train/data checks that they are
// unambiguous and that every tale has 80 to 159 characters, so that a tale with its newline fits in a window
// of 160 tokens.
//
// Designed to be learned: most choices are local. The long-range dependencies are a made-up name (copied
// letter by letter), he or she (by the name's last letter), the action of a thing, the motion of a vehicle,
// and the fear or missing skill at the start of a tale.

#include <string_view>

namespace hewn {

inline constexpr std::string_view tales_rules = R"(
tale: {hero} {story}
hero: {onset}{rime}{last}
onset: 3 B / 2 D / 2 F / G / J / 3 L / 3 M / 3 N / 3 P / 2 R / 2 S / 3 T / V / Z
rime: il / on / er / an
last he him: o | he | him / a | she | her

story: 4 the {trait} {animal} {found} {look} {thing} {place}. {then}
  / 3 was {a_trait} {animal} who {lacked}
  / 3 and {friend} {built} {craft} {journey}

trait: 3 shy / 3 sleepy / 2 proud / 2 gentle / 2 clumsy / 3 hungry / 3 curious / 2 polite / 2 fussy
  / 2 dreamy / brave / quiet / merry / jolly / stubborn / nervous / lazy / lucky / wise / humble
a_trait: 3 a shy / 3 a sleepy / 2 a proud / 2 a gentle / 2 a clumsy / 3 a hungry / 3 a curious / 2 a polite
  / 2 a fussy / 2 a dreamy / a brave / a quiet / a merry / an anxious / an honest / an idle
animal: 4 fox / 4 bear / 4 mouse / 3 otter / 3 hare / 3 badger / 3 hedgehog / 3 frog / 2 duck / 2 goat
  / 2 squirrel / 2 mole / 2 beaver / robin / lamb / crow / donkey / weasel / rabbit / kitten / pony / lynx

found: 6 found / 3 dug up / 2 spied / 2 borrowed / 4 bought / 2 won / 2 lost / 2 mended
look: 3 a tin / 2 a brass / 3 a paper / 3 a wooden / 3 a silver / 2 a broken / 2 a crooked / 3 a little
  / 3 an old / an empty / a glass / 2 a warm / a golden / a striped / a clay / an odd
thing does: 3 bell | rang / 3 lantern | glowed / 3 drum | boomed / 2 kettle | sang / 3 clock | ticked
  / 2 compass | spun / 2 mirror | shone / 2 whistle | blew / 2 violin | played / 2 teapot | steamed
  / feather | fluttered / star | twinkled / shell | sighed / hat | danced / 2 boot | hopped / carpet | flew
place: 3 by the pond / 3 behind the mill / 2 in the grass / 2 under a bridge / 2 near the well
  / 2 beside the lane / in a pumpkin / 2 on the stairs / 2 at the market / 2 below a hedge / 2 past the hill
  / up a pear tree

then: 4 It {does} {when}. {evening} / 6 {He} {act}
when: 3 when nobody looked / 3 whenever it rained / 2 every full moon / 2 if a frog sang
  / as soon as snow fell / 2 all through supper / 2 only on Sundays / if you said please
act: 4 showed it to {friend}, who {answered}. {ending} / 3 traded it for {goods}. {ending}
  / 3 hid it from {friend}. {evening}
answered: 3 only blinked / 3 said nothing / 2 laughed / 2 shrugged / winked / 2 asked for soup
  / 2 fell asleep / 2 began to sing
ending: Now {=hero} {habit}.
habit: 3 hums while sweeping / 3 sleeps until noon / 2 keeps bees / 3 bakes for the moon
  / 2 waltzes in the rain / 2 waves at clouds / 2 writes long letters / 2 drinks tea with ghosts
  / 2 naps in a teacup / 3 counts the stars / 2 collects puddles / 2 tells it to the wind
  / 2 argues with geese / 2 paints doors
evening: 3 That night {he} dreamed of {goods}. / 4 {ending}

lacked: 4 could not {skill}. {friend} gave {him} {goods}, and {by_when} {he} could {=skill}.
  / 3 feared {fear}. {friend} gave {him} {goods}, and {=fear} seemed {small}.
skill: 3 swim / 3 whistle / 2 count / 2 climb / 2 bake / 3 dance / 2 tell time / 2 say goodbye / tie knots
  / 2 read maps / sing / juggle
by_when: 3 by spring / 3 at last / 2 before long / 2 one morning / that very day / after a nap
fear: 3 thunder / 3 the dark / 2 deep water / 2 loud geese / tall stairs / 2 the wind / 2 empty rooms
  / strangers / 2 spiders / Mondays
small: 3 small / 3 rather funny / 2 far away / 2 almost kind / no worse than rain / 2 much quieter

friend: {title} {creature}
title: 3 Captain / 3 Doctor / 3 Aunt / 3 Uncle / 3 Old / 2 Miss / 2 Mister / 2 Lady / 2 Sir / Madam
  / 2 Granny / Cousin
creature: 3 Newt / 3 Owl / 3 Toad / 2 Wren / 3 Snail / 2 Crab / 2 Moth / 2 Heron / 2 Beetle / 3 Goose
  / 2 Stork / 2 Trout / 2 Pike / 2 Bat / 2 Hen / 2 Yak / 2 Mouse / 2 Lark / Gull / Ibis
goods: {number} {color} {good}
number: 3 two / 3 three / 2 four / 3 five / 2 six / 3 seven / 2 eight / 3 nine / 2 ten / 2 eleven / 2 twelve
color: 3 red / 3 blue / 2 green / 3 golden / 3 white / 2 black / 2 pink / 2 yellow / 2 gray
  / 2 violet / 2 spotted / 2 tiny
good: 3 plums / 3 buttons / 2 acorns / 3 pears / 2 spoons / 2 pebbles / 3 candles / 2 socks / marbles
  / 2 ribbons / 2 walnuts / 2 keys / 2 eggs / 2 cakes / 2 mittens / 2 fish / shells
  / thimbles / lamps / 2 nuts

built: 3 built / 2 painted / 2 stole / 2 shared / fixed / 2 borrowed
craft went: 3 a boat | sailed / 3 a kite | flew / 2 a cart | pulled / 3 a sled | rode / 2 a raft | floated
  / 2 a train | drove / a wagon | hauled / a canoe | paddled
journey: 4 made of {goods}. {trip} / 2 to carry {goods}. {trip}
trip: They {went} it to {land} and {deed}.
land: 3 the moon / 3 the edge of the map / 3 the sea / 2 the next valley / 2 the island of cats
  / 2 the city of clocks / 2 nowhere at all / the land of soup / 2 the end of the road / the last lighthouse
deed: 3 were home for supper / 3 stayed until spring / 2 told nobody / 2 waved at everyone
  / 2 got lost twice / planted a flag / 2 sang all the way / 2 never came back / slept there / ate the map
)";

}  // namespace hewn
