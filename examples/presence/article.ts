/** The text of the page: nothing in it knows of the others. */
export interface Day {
  readonly name: string;
  readonly stops: readonly (readonly [at: string, what: string])[];
}

export const title = "A weekend in Lisbon";
export const intro =
  "Three days, mostly on foot. Nothing is booked but the train, so that everything can be moved: point at what you would rather do.";

export const days: readonly Day[] = [
  {
    name: "Friday",
    stops: [
      ["18:10", "Arrive at Oriente, tram to the river"],
      ["20:00", "Grilled sardines in Alfama"],
      ["22:30", "The view from Graça, with the lights on"],
    ],
  },
  {
    name: "Saturday",
    stops: [
      ["09:30", "Custard tarts in Belém, before the queue"],
      ["11:00", "The monastery, then along the water"],
      ["16:00", "Ferry to Cacilhas and back at sunset"],
    ],
  },
  {
    name: "Sunday",
    stops: [
      ["10:00", "Flea market, or the tile museum if it rains"],
      ["13:00", "Lunch where the tables are on the stairs"],
      ["15:40", "Train home"],
    ],
  },
];
