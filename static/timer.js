// The phone's alarm: a number sets it to ring in so many milliseconds, null stops it.
let timer;
onmessage = ({ data: delay }) => {
  clearTimeout(timer);
  if (delay !== null) timer = setTimeout(() => postMessage(null), delay);
};
