// The language of the login page, kept in the cookie that the page behind it reads, too.
for (const language of ["en", "zh"]) {
  document.getElementById(`language-${language}`).addEventListener("click", () => {
    document.cookie = `pilot_language=${language}; path=/; max-age=31536000; samesite=lax`;
    location.assign("/login");
  });
}
