/* A link from another site does not carry the session's cookie; a reload from here does. */
const answer = await fetch("/api/v1/oncall", { headers: { Accept: "application/json" } });
if (answer.ok && location.pathname !== "/signin") location.reload();
