/** Opens and closes the drawer "How it works". The browser's own dialog keeps the focus inside and gives it back. */
const drawer = document.querySelector<HTMLDialogElement>("#how");

document.querySelector("#how-open")?.addEventListener("click", () => drawer?.showModal());
drawer?.addEventListener("click", ({ target }) => {
  // The backdrop is the dialog itself; everything else in it is a child.
  if (target === drawer) drawer.close();
});
