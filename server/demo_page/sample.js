// Invented data: nobody's ID number, and a picture that is a drawing.

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK = "10X98765432";

const upTo = (limit) => Math.floor(Math.random() * limit);
const twoDigits = (number) => String(number).padStart(2, "0");

/** An ID number that passes the check and can be nobody's: no division has the code 000000. */
export function idNumber() {
  const birth = `${1945 + upTo(50)}${twoDigits(1 + upTo(12))}${twoDigits(1 + upTo(28))}`;
  const body = `000000${birth}${String(upTo(1000)).padStart(3, "0")}`;
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(body[index]), 0);
  return body + CHECK[sum % 11];
}

/** Draw a house below hills; no two drawings are alike, as no two photos are. */
export function drawHouse(canvas) {
  const { width, height } = canvas;
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, `hsl(${195 + upTo(25)} 45% ${78 + upTo(8)}%)`);
  sky.addColorStop(1, "hsl(60 40% 95%)");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  for (const [level, light] of [[0.42, 62], [0.52, 52], [0.62, 42]]) {
    pen.fillStyle = `hsl(${130 + upTo(25)} 24% ${light}%)`;
    pen.beginPath();
    pen.moveTo(0, height);
    const shift = upTo(360);
    for (let x = 0; x <= width; x += 8) {
      pen.lineTo(x, height * level + Math.sin(x / 130 + shift) * 34 + Math.sin(x / 47 + shift) * 9);
    }
    pen.lineTo(width, height);
    pen.fill();
  }
  pen.fillStyle = "hsl(42 30% 68%)";
  pen.fillRect(0, height * 0.82, width, height * 0.18);
  const left = width * (0.22 + upTo(20) / 100);
  const [top, wide, high] = [height * 0.5, width * 0.36, height * 0.36];
  pen.fillStyle = `hsl(38 35% ${84 + upTo(6)}%)`;
  pen.fillRect(left, top, wide, high);
  pen.fillStyle = `hsl(${8 + upTo(14)} 32% 38%)`;
  pen.beginPath();
  pen.moveTo(left - 40, top + 6);
  pen.lineTo(left + wide / 2, top - high * 0.52);
  pen.lineTo(left + wide + 40, top + 6);
  pen.fill();
  pen.fillStyle = "hsl(25 28% 34%)";
  pen.fillRect(left + wide * 0.42, top + high * 0.36, wide * 0.17, high * 0.64);
  pen.fillStyle = "hsl(205 30% 62%)";
  for (const at of [0.12, 0.7]) pen.fillRect(left + wide * at, top + high * 0.32, wide * 0.18, high * 0.28);
  pen.fillStyle = "rgb(0 0 0 / 45%)";
  pen.fillRect(0, height - 58, width, 58);
  pen.fillStyle = "#fff";
  pen.font = "30px sans-serif";
  pen.textBaseline = "middle";
  pen.fillText("演示照片 · 非真实现场", 26, height - 28);
}

/** What is drawn on a canvas, as a phone's camera would give it. */
export const jpegOf = (canvas) => new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
