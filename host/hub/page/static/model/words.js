// Numbers and moments as a person reads them.

const STEPS = [[60_000, 1000, "s"], [3_600_000, 60_000, "min"], [86_400_000, 3_600_000, "h"], [Infinity, 86_400_000, "d"]];

const HUGE = 1e15; // what is not told by all its digits

// Milliseconds that have passed: "just now", "3 min ago".
export function ago(ms) {
  if (ms < 5000) return "just now";
  const [, unit, name] = STEPS.find(([below]) => ms < below);
  return `${Math.floor(ms / unit)} ${name} ago`;
}

// A number with as many digits as say something: of a fraction five, of whole ones all that there are.
export function plain(value) {
  const size = Math.abs(value);
  if (size >= HUGE) return value.toExponential(4).replace(/\.?0+e/, "e");
  return String(Number.isInteger(value) ? value : size < 1e5 ? Number(value.toPrecision(5)) : Math.round(value));
}

// So many of something: "1 device", "2 devices".
export const counted = (number, one, several = `${one}s`) => `${number} ${number === 1 ? one : several}`;

// Names of DTDL version 2, "Semantic types and units"; others are shown as they are.
const SIGNS = {
  degreeCelsius: "°C", degreeFahrenheit: "°F", kelvin: "K", percent: "%", volt: "V", millivolt: "mV", ampere: "A",
  milliampere: "mA", watt: "W", kilowatt: "kW", kilowattHour: "kWh", second: "s", millisecond: "ms", minute: "min",
  hour: "h", metre: "m", centimetre: "cm", millimetre: "mm", metrePerSecond: "m/s", lux: "lx", lumen: "lm", hertz: "Hz",
  pascal: "Pa", kilopascal: "kPa", bar: "bar", millibar: "mbar", gram: "g", kilogram: "kg", litre: "l", byte: "B",
  kibibyte: "KiB", mebibyte: "MiB", decibel: "dB", decibelMilliwatts: "dBm", partsPerMillion: "ppm",
  revolutionPerMinute: "rpm", degreeOfArc: "°", joule: "J", newton: "N", ohm: "Ω",
};

export const sign = (unit) => SIGNS[unit] ?? unit ?? "";

export const withUnit = (value, unit) => (unit ? `${plain(value)} ${sign(unit)}` : plain(value));
